FROM scratch
COPY metrics-server /usr/local/bin/metrics-server
ENTRYPOINT ["/usr/local/bin/metrics-server"]
