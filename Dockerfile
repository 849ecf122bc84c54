# The image for those who have a container engine; `npm run image` makes one without. Node comes from package-lock.json here,
# too: the Node of the first stage only starts the build.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm run image -- --root /image

FROM debian:bookworm-slim
# The one program that Sluice starts, to remove what a kube-proxy left.
RUN apt-get update && apt-get install --yes --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/sluice"]
