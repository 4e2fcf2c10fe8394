"""A prepared queryset answers as the queryset itself does, whatever its slots are filled with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, User
from accounts.prepared import Prepared, Slot

pytestmark = [pytest.mark.django_db, pytest.mark.databases]

OF = Prepared(lambda: ApiToken.objects.select_related("owner").filter(name__any_of=Slot("names")).order_by("name"))
SINCE = Prepared(
    lambda: ApiToken.objects.filter(created_at__gt=Slot("at"), owner_id__any_of=Slot("owners")).values_list("name", "scopes")
)


@pytest.fixture
def owner() -> User:
    person = User.objects.create_user("owner")
    ApiToken.objects.bulk_create(
        ApiToken(owner=person, name=name, prefix=name, digest=name, scopes=["read"], expires_at=timezone.now()) for name in "abc"
    )
    return person


def test_rows_are_models_with_what_is_related(owner: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        found = OF(names=["a", "c"])
        assert [(token.name, token.owner.username, token.scopes) for token in found] == [
            ("a", "owner", ["read"]),
            ("c", "owner", ["read"]),
        ]
    assert found == list(ApiToken.objects.filter(name__in=["a", "c"]).order_by("name"))
    assert found[0].expires_at == ApiToken.objects.get(name="a").expires_at


def test_each_call_has_its_own_values(owner: User) -> None:
    assert ([token.name for token in OF(names=[])], [token.name for token in OF(names=["b"])]) == ([], ["b"])


def test_times_and_ids_and_values(owner: User) -> None:
    hour = timedelta(hours=1)
    assert sorted(SINCE(at=timezone.now() - hour, owners=[owner.pk])) == [(name, ["read"]) for name in "abc"]
    assert SINCE(at=timezone.now() + hour, owners=[owner.pk]) == []
    assert SINCE(at=timezone.now() - hour, owners=[owner.pk + 1]) == []


class Hostile(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=5))
    def test_no_text_is_read_as_sql(self, names: list[str]) -> None:
        person = User.objects.create_user("owner")
        ApiToken.objects.bulk_create(
            ApiToken(owner=person, name=name, prefix=number, digest="d", scopes=[]) for number, name in enumerate(set(names))
        )
        assert {token.name for token in OF(names=names)} == set(names)
