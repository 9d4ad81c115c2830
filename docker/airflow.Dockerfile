# The Airflow of docker-compose.yaml: the official image, this provider, and what the example DAGs import.
FROM apache/airflow:3.3.2-python3.12

# The versions with which this Airflow was released and tested; a path or another address for machines without Internet.
ARG CONSTRAINTS=https://raw.githubusercontent.com/apache/airflow/constraints-3.3.2/constraints-3.12.txt

COPY --chown=airflow:0 pyproject.toml README.md LICENSE /opt/airflow/provider/
COPY --chown=airflow:0 airflow_provider_fate /opt/airflow/provider/airflow_provider_fate
# Airflow's own version is named again, so that pip does not change it for a dependency's sake.
RUN pip install --no-cache-dir --constraint "${CONSTRAINTS}" \
        "apache-airflow==3.3.2" "/opt/airflow/provider[examples,local,s3,sql,onnx]" \
    # A new volume takes its owner from the folder.
    && mkdir -p /opt/airflow/fate_examples
