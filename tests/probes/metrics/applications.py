"""Real applications, each with a library that real ones use. `python -m tests.probes.metrics.applications NAME PORT`."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, HTTPException
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import make_asgi_app
from prometheus_fastapi_instrumentator import Instrumentator
from starlette_exporter import PrometheusMiddleware, handle_metrics

from probes.instrument import Instrument


def application(name: str) -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item}")
    async def item(item: int) -> dict[str, int]:
        if item == 13:
            raise HTTPException(503)
        return {"item": item}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    {
        "instrumentator": _instrumentator,
        "starlette_exporter": _starlette_exporter,
        "opentelemetry": _opentelemetry,
        "milepost": _milepost,
    }[name](app)
    return app


def _instrumentator(app: FastAPI) -> None:
    Instrumentator().instrument(app).expose(app)


def _starlette_exporter(app: FastAPI) -> None:
    app.add_middleware(PrometheusMiddleware)
    app.add_route("/metrics", handle_metrics)


def _opentelemetry(app: FastAPI) -> None:
    provider = MeterProvider([PrometheusMetricReader()])
    FastAPIInstrumentor.instrument_app(app, meter_provider=provider)
    app.mount("/metrics/", make_asgi_app())


def _milepost(app: FastAPI) -> None:
    instrument = Instrument()
    app.add_middleware(instrument.middleware)  # type: ignore[arg-type]
    app.add_route("/metrics", instrument)


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
