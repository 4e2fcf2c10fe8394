"""What ours is measured beside: a bare view with one INSERT, and an endpoint of DRF serializers that does the same work."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from kpis.models import KPI, CurrentValue, Measurement, Rollup, Series
from kpis.remembering import remember

BUCKETS = {"hour": {"minute": 0, "second": 0}, "day": {"hour": 0, "minute": 0, "second": 0}}


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    row = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kpis_measurement (series_id, at, origin, value, count, reported, note, recorded_at)"
            " VALUES (%s, %s, 'bare', %s, 1, %s, '', %s)",
            [row["series"], datetime.fromisoformat(row["at"]).astimezone(UTC), row["value"], False, timezone.now()],
        )
    return JsonResponse({"stored": 1})


class RowSerializer(serializers.Serializer[Measurement]):
    kpi = serializers.CharField(max_length=100)
    subject = serializers.CharField(max_length=80)
    environment = serializers.CharField(max_length=40, allow_blank=True, default="")
    at = serializers.DateTimeField()
    value = serializers.FloatField()
    count = serializers.IntegerField(min_value=1, default=1)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def by_serializers(request: Request) -> Response:
    """As one writes it with serializers and the ORM in bulk: identities, rollups, current values, judgement."""
    form = RowSerializer(data=request.data, many=True)
    form.is_valid(raise_exception=True)
    rows: list[dict[str, Any]] = form.validated_data
    kpis = {kpi.key: kpi for kpi in KPI.objects.filter(key__in={row["kpi"] for row in rows})}
    with transaction.atomic():
        known = Series.objects.filter(kpi__in=kpis.values(), subject__in={row["subject"] for row in rows})
        series = {(one.kpi_id, one.subject, one.environment): one for one in known.select_for_update(no_key=True).order_by("pk")}
        measurements = [
            Measurement(
                series=series[kpis[row["kpi"]].pk, row["subject"], row["environment"]], at=row["at"], origin="serializers",
                value=row["value"], count=row["count"],
            )
            for row in rows
        ]  # fmt: skip
        Measurement.objects.bulk_create(measurements, ignore_conflicts=True)
        _roll_up(measurements)
        _renew(measurements)
        remember(kpis.values(), now=timezone.now())
    return Response({"stored": len(rows)}, status=201)


def _roll_up(measurements: list[Measurement]) -> None:
    groups: dict[tuple[int, str, datetime], list[Measurement]] = defaultdict(list)
    for one in measurements:
        for name, parts in BUCKETS.items():
            groups[one.series_id, name, one.at.replace(microsecond=0, **parts)].append(one)
    ids, times = {key[0] for key in groups}, {key[2] for key in groups}
    stored = {(row.series_id, row.resolution, row.at): row for row in Rollup.objects.filter(series__in=ids, at__in=times)}
    fresh, changed = [], []
    for key, group in groups.items():
        values, newest = [one.value for one in group], max(group, key=lambda one: one.at)
        row = stored.get(key)
        if row is None:
            row = Rollup(series_id=key[0], resolution=key[1], at=key[2], points=0, count=0, total=0, plain_total=0)
            row.low, row.high, row.last, row.last_at = min(values), max(values), newest.value, newest.at
            fresh.append(row)
        else:
            changed.append(row)
        row.points += len(group)
        row.count += sum(one.count for one in group)
        row.total += sum(one.value * one.count for one in group)
        row.plain_total += sum(values)
        row.low, row.high = min(row.low, *values), max(row.high, *values)
        if newest.at >= row.last_at:
            row.last, row.last_at = newest.value, newest.at
    Rollup.objects.bulk_create(fresh)
    fields = ["points", "count", "total", "plain_total", "low", "high", "last", "last_at"]
    Rollup.objects.bulk_update(changed, fields, batch_size=500)


def _renew(measurements: list[Measurement]) -> None:
    newest: dict[int, Measurement] = {}
    for one in measurements:
        if one.series_id not in newest or one.at > newest[one.series_id].at:
            newest[one.series_id] = one
    rows = []
    for pk, head in newest.items():
        window = Measurement.objects.filter(series=pk, at__gt=head.at - timedelta(hours=1), at__lte=head.at)
        pairs = list(window.values_list("value", "count"))
        count = sum(weight for _, weight in pairs)
        value = sum(figure * weight for figure, weight in pairs) / count
        rows.append(CurrentValue(series_id=pk, at=head.at, value=value, count=count, origin=head.origin))
    CurrentValue.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["series"], update_fields=["at", "value", "count", "origin"]
    )


urlpatterns = [path("bare/", bare), path("serializers/", by_serializers)]
