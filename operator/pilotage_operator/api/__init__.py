"""The two resources, ModelVersion and ModelDeployment: their shape, their rules and their generated schema.

The lowest layer of the operator. Everything that crosses into it from the outside (a manifest, a status that an older
operator wrote, the platform's defaults) is parsed here, and refused here with a sentence that says what to do.
"""
