# The MLflow of docker-compose.yaml.
FROM python:3.12.11-slim-bookworm

RUN useradd --uid 10004 --create-home mlflow \
    && install --directory --owner mlflow --group mlflow /var/lib/mlflow \
    && pip install --no-cache-dir mlflow==3.17.2
COPY docker/answers.py /usr/local/bin/answers.py

USER mlflow
WORKDIR /var/lib/mlflow
ENV PYTHONUNBUFFERED=1

ENTRYPOINT ["mlflow"]
