# One image, every role: `docker run finshift api`, `relay`, `project`, `alerts`, `lake`, `serve`. Two stages, so that what builds
# it is not in it; it runs as a user without rights and writes below /var/lib/finshift alone. Beancount, being under the GPL,
# is left out (docs/decisions/0005).

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/finshift
ENV PATH=/opt/finshift/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --require-hashes --only-binary :all: --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY domain domain
COPY commands commands
COPY projections projections
COPY streams streams
COPY api api
COPY infra infra
RUN pip install --no-deps --no-build-isolation . \
    && python -m compileall -q /opt/finshift

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 finshift \
    && useradd --uid 10001 --gid finshift --no-log-init --no-create-home --home-dir /var/lib/finshift finshift \
    && install --directory --owner finshift --group finshift --mode 700 /var/lib/finshift
COPY --from=build /opt/finshift /opt/finshift
ENV PATH=/opt/finshift/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FINSHIFT_DATA_DIR=/var/lib/finshift
USER 10001:10001
VOLUME /var/lib/finshift
STOPSIGNAL SIGTERM
ENTRYPOINT ["finshift"]
CMD ["serve"]
