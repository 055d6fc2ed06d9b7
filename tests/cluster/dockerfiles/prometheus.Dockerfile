FROM scratch
COPY prometheus /usr/local/bin/prometheus
ENTRYPOINT ["/usr/local/bin/prometheus"]
