# Vitrine: docker build -t vitrine . && docker run --rm -p 7860:7860 vitrine
FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 studio
WORKDIR /home/studio/app
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=1000:1000 . .
USER 1000
ENV HOST=0.0.0.0 PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz')"]
CMD ["python", "-m", "apps", "--host", "0.0.0.0"]
