# The order service and nothing else of this repository: `docker compose build orderservice`.
# PYTHON_IMAGE: any image with python3 (3.11 or newer), its venv module and pip.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS packages
COPY orderservice/requirements.txt /tmp/requirements.txt
RUN python3 -m venv /opt/service \
 && /opt/service/bin/python -m pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt \
 && /opt/service/bin/python -m pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
COPY --from=packages /opt/service /opt/service
COPY orderservice /opt/service/orderservice
ENV PATH=/opt/service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORDERSERVICE_HOST=0.0.0.0 \
    ORDERSERVICE_PORT=8082
WORKDIR /opt/service
# A number, so that Kubernetes can check that it is not root.
USER 10001:10001
EXPOSE 8082
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=5 \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8082/actuator/health', timeout=4)"]
CMD ["python3", "-m", "orderservice"]
