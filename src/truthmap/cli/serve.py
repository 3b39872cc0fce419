"""`truthmap serve`: a sealed detector behind an OpenAI-style interface, with a page."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from truthmap.cli.detector_folder import detector_folder
from truthmap.cli.replies import Serving
from truthmap.errors import UsageError
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.mode import output_mode
from truthmap.terminal.options import DetectorArgument
from truthmap.terminal.output import print_fault
from truthmap.terminal.reply import Reply, replies, tell

_KEY = "TRUTHMAP_API_KEY"


@replies("truthmap.cli.replies:Serving")
def serve(
    detector: DetectorArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is reachable from other machines")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one")] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(
            help=f"Ask clients for this key; better given as {_KEY}, which no process list shows",
            envvar=_KEY,
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another name the server may be addressed by; several times", show_default=False),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Largest request, in bytes (413)")] = 1 << 18,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens (413)")] = 512,
    max_prompt_tokens: Annotated[int, typer.Option(min=1, help="Longest prompt, in tokens (413)")] = 4096,
    max_queue: Annotated[int, typer.Option(min=1, help="Requests that may wait (429)")] = 256,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds until an answer must be complete (504)")] = 120.0,
    client_timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds in which a client must send its request, and take the reply (408)")
    ] = 20.0,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="Requests that are answered together", show_default="32; with vLLM 256")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What answers: transformers (the model, loaded here) or vllm (a vLLM of its own)")
    ] = "transformers",
    tensor_parallel: Annotated[int, typer.Option(min=1, help="GPUs that vLLM spreads the model over")] = 1,
    gpu_memory: Annotated[
        float | None,
        typer.Option(min=0.01, max=1, help="Share of the GPU's memory that vLLM takes", show_default="vLLM's own"),
    ] = None,
    early_exit: Annotated[
        str | None,
        typer.Option(help="End a thought once P(right) is at least this; or: guaranteed", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the model is now", show_default="the name it was sealed with")
    ] = None,
    device: Annotated[str, typer.Option(help="auto (CUDA, MPS, CPU), or a torch device")] = "auto",
    allow_different: Annotated[
        bool, typer.Option(help="Use a model other than the sealed one; its scores mean little")
    ] = False,
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python code that comes with a hub model")] = False,
) -> None:
    """Serve a detector: an OpenAI-compatible interface whose replies say how far to trust them, and a page.

    --json prints the address as soon as requests are taken, which tells the port that --port 0 found. Stopped with
    Ctrl-C or SIGTERM, it finishes the requests that are running.
    """
    from truthmap.detector.exit_rule import early_exit_at

    try:
        from truthmap.server.app import create_app
        from truthmap.server.engines import serving_engine
        from truthmap.server.protocol import ListeningServer, server_config
        from truthmap.server.serve_settings import ServeSettings
    except ImportError as error:
        raise UsageError(f"serving needs more packages ({error.name}): pip install 'truthmap[serve]'") from error
    from truthmap.answers.engines.vllm import VllmSettings
    from truthmap.detector.detector import load_detector
    from truthmap.lm.meta_model import release_memory

    chosen = serving_engine(engine)
    loopback = host in ("127.0.0.1", "localhost", "::1")
    named = ("localhost", "127.0.0.1", "[::1]", *(allow_host or ()))
    settings = ServeSettings(
        api_key=api_key,
        hosts=named if loopback or allow_host else None,
        max_body=max_body,
        max_tokens=max_tokens,
        max_prompt_tokens=max_prompt_tokens,
        max_queue=max_queue,
        timeout=timeout,
        max_batch=max_batch or chosen.max_batch,
        client_timeout=client_timeout,
        early_exit=early_exit_at(early_exit),
    )
    os.environ.pop(_KEY, None)
    if not loopback and api_key is None:
        print_fault(f"truthmap: {host} can be reached by others, and no --api-key is asked for")
    folder = detector_folder(detector)
    loaded = load_detector(
        folder, model, device=device, allow_different=allow_different, trust_remote_code=trust_remote_code
    )
    vllm = VllmSettings(tensor_parallel=tensor_parallel, gpu_memory=gpu_memory)
    prepared, held = chosen.prepare(loaded, settings, vllm), loaded.lm.device
    del loaded
    release_memory(held)
    app = create_app(prepared.detector, settings, prepared.start(settings))
    mode = output_mode()

    def listening(url: str) -> None:
        found = Serving(url=url, detector=detector, model=prepared.detector.lm.name, asks_for_key=api_key is not None)
        tell(Reply(found, lambda: None))  # for a reader the server's log says it

    level, colors = ("warning" if mode.quiet else "info"), (None if mode.color else False)
    config = server_config(app, settings, host=host, port=port, log_level=level, use_colors=colors)
    try:
        ListeningServer(config, listening).run()
    except KeyboardInterrupt as stopped:  # after the running requests, which is how a server is meant to end
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from stopped
