# The notebook of docker-compose.yaml: JupyterLab whose kernel has fate-client.
FROM python:3.11.13-slim-bookworm

RUN useradd --uid 10003 --create-home notebook \
    && install --directory --owner notebook --group notebook /home/notebook/work

# fate-client does not say which versions it can live with; its dependencies are those that docker/notebook-requirements.txt names.
COPY docker/notebook-requirements.txt /src/
RUN pip install --no-cache-dir --requirement /src/notebook-requirements.txt \
    && pip install --no-cache-dir --no-deps fate_client==2.2.0 \
    # `pipeline init` writes the site's address there.
    && chown -R notebook "$(python -c 'import importlib.util as u; print(u.find_spec("fate_client").submodule_search_locations[0])')"
COPY docker/answers.py /usr/local/bin/answers.py

USER notebook
WORKDIR /home/notebook/work
ENV PYTHONUNBUFFERED=1
