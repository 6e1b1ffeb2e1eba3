"""The Dockerfile of an export, and of the repository: small, not as root, with a health check.

Every library that the wheels link to is in the slim image, so nothing is installed beside them unless a module says `APT = (...)`.
"""

IMAGE = "python:3.11-slim-bookworm"
IGNORE = "\n".join([".git", ".gitattributes", "**/__pycache__", "**/*.pyc", "Dockerfile", ".dockerignore", "runs", "tests", "benchmarks"]) + "\n"
FILE = """# {title}: docker build -t vitrine . && docker run --rm -p 7860:7860 vitrine
FROM {image}
{apt}RUN useradd --create-home --uid 1000 studio
WORKDIR /home/studio/app
COPY {requirements} ./
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=1000:1000 . .
USER 1000
ENV HOST=0.0.0.0 PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz')"]
CMD [{command}]
"""
APT = """RUN apt-get update \\
 && apt-get install -y --no-install-recommends {packages} \\
 && rm -rf /var/lib/apt/lists/*
"""


def file(title, command=("python", "app.py"), requirements=("requirements.txt",), apt=()):
    """The text of a Dockerfile. command: what it runs; requirements: the files that pip needs; apt: Debian packages."""
    return FILE.format(title=title, image=IMAGE, apt=APT.format(packages=" ".join(apt)) if apt else "", requirements=" ".join(requirements),
                       command=", ".join(f'"{word}"' for word in command))  # fmt: skip


def of_the_repository():
    """The Dockerfile at the root."""
    return file("Vitrine", ("python", "-m", "apps", "--host", "0.0.0.0"), ("requirements.txt", "constraints.txt"))
