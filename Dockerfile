# truthmap on CPUs: docker build -t truthmap . && docker run --rm -v "$PWD/runs:/work/runs" truthmap run --model smollm2
# Models and caches go to /work/cache; mount it to keep them. What is mounted must be writable for user 1000.
# To serve: docker run --rm -p 8000:8000 -v "$PWD/runs:/work/runs" truthmap serve runs/demo/detector --host 0.0.0.0
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /dist

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 truthmap && mkdir -p /work/runs /work/cache && chown -R truthmap /work
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /dist/*.whl /tmp/
# torch's usual build brings gigabytes for GPUs; an index with builds for CPUs alone can be named:
# docker build --build-arg TORCH_INDEX=URL
ARG TORCH_INDEX
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} 'torch>=2.6,<3' \
 && grep -v '^torch==' /tmp/constraints.txt > /tmp/others.txt \
 && pip install --no-cache-dir --constraint /tmp/others.txt "$(ls /tmp/truthmap-*.whl)[serve]" \
 && rm /tmp/*.whl /tmp/*.txt
USER truthmap
ENV TRUTHMAP_CACHE=/work/cache HF_HOME=/work/cache/huggingface
WORKDIR /work
VOLUME ["/work/runs", "/work/cache"]
EXPOSE 8000
ENTRYPOINT ["truthmap"]
CMD ["--help"]
