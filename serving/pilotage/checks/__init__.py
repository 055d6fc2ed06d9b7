"""What must hold before a model may serve, each as a finding with its figure and its limit."""
