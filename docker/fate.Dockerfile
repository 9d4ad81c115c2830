# The FATE of docker-compose.yaml: what `fate-local` installs and starts outside of containers, too.
FROM python:3.11.13-slim-bookworm

RUN useradd --uid 10001 --create-home fate \
    && install --directory --owner fate --group fate --mode 0700 /var/lib/fate \
    && install --directory --owner fate --group fate /opt/fate

COPY docker/fate-requirements.txt /src/docker/
RUN pip install --no-cache-dir --requirement /src/docker/fate-requirements.txt
# Without its dependencies: `fate-local` needs no Airflow.
COPY pyproject.toml README.md LICENSE /src/
COPY airflow_provider_fate /src/airflow_provider_fate
RUN pip install --no-cache-dir --no-deps /src
COPY docker/answers.py /usr/local/bin/answers.py

USER fate
ENV FATE_LOCAL_CACHE=/opt/fate FATE_LOCAL_HOME=/var/lib/fate PYTHONUNBUFFERED=1
RUN fate-local install

ENTRYPOINT ["fate-local"]
