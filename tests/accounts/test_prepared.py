"""A prepared queryset answers as the queryset itself does, whatever its slots are filled with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, AuditEntry, User
from accounts.prepared import Prepared, Slot, fetched, together, unwaiting

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


def test_models_keep_what_was_annotated(owner: User) -> None:
    rows = User.objects.annotate(tokens=Count("api_tokens"), twice=F("tokens") * 2)
    (found,) = Prepared(lambda: rows)()
    assert (found, found.tokens, found.twice) == (owner, 3, 6)


def test_each_call_has_its_own_values(owner: User) -> None:
    assert ([token.name for token in OF(names=[])], [token.name for token in OF(names=["b"])]) == ([], ["b"])


def test_times_and_ids_and_values(owner: User) -> None:
    hour = timedelta(hours=1)
    assert sorted(SINCE(at=timezone.now() - hour, owners=[owner.pk])) == [(name, ["read"]) for name in "abc"]
    assert SINCE(at=timezone.now() + hour, owners=[owner.pk]) == []
    assert SINCE(at=timezone.now() - hour, owners=[owner.pk + 1]) == []


def test_a_row_is_a_model_as_the_queryset_makes_it(owner: User) -> None:
    made, ours = fetched(ApiToken.objects.filter(name="a"))[0], ApiToken.objects.get(name="a")
    assert {**vars(made), "_state": None} == {**vars(ours), "_state": None}
    assert (made._state.adding, made._state.db, made._state.fields_cache) == (False, "default", {})
    made.name = "z"
    made.save()
    assert ApiToken.objects.get(pk=ours.pk).name == "z"


@pytest.mark.parametrize("value", [{}, [], "text", {"n": [2**70, -0.0, 1e22, 5e-324, True, None], "ü\\": "\u2028"}, "1e400"])
def test_json_is_read_as_the_queryset_reads_it(owner: User, value: object) -> None:
    AuditEntry.objects.create(action="a", subject="b", after=value, before=[value])
    (made,) = fetched(AuditEntry.objects.all())
    ours = AuditEntry.objects.get()
    assert (made.after, made.before) == (ours.after, ours.before) == (value, [value])


def test_what_is_left_out_is_read_when_it_is_asked_for(owner: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    (token,) = fetched(ApiToken.objects.defer("digest").filter(name="a"))
    with django_assert_num_queries(1):
        assert token.digest == "a"


def test_what_hangs_on_nothing_is_none(owner: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    AuditEntry.objects.create(action="login", subject="somebody")
    with django_assert_num_queries(1):
        assert [entry.actor for entry in fetched(AuditEntry.objects.select_related("actor"))] == [None]


def names() -> list[str]:
    return list(User.objects.order_by("username").values_list("username", flat=True))


@pytest.mark.django_db(transaction=True)
def test_what_is_written_together_is_kept() -> None:
    with together():
        User.objects.create_user("one")
        assert names() == ["one"]
        User.objects.create_user("two")
    connection.close()
    assert names() == ["one", "two"]


@pytest.mark.django_db(transaction=True)
def test_what_is_only_asked_together_leaves_no_transaction_open(owner: User) -> None:
    with together():
        assert [token.name for token in OF(names=["a"])] == ["a"]
    User.objects.create_user("later")
    connection.close()
    assert names() == ["later", "owner"]


def twice(name: str) -> None:
    with together():
        User.objects.create_user(name)
        User.objects.create_user(name)


@pytest.mark.django_db(transaction=True)
def test_what_fails_together_leaves_nothing() -> None:
    with pytest.raises(IntegrityError):
        twice("one")
    assert names() == []
    with together():
        User.objects.create_user("two")
        transaction.set_rollback(True)
    assert names() == []


@pytest.mark.postgres
def test_a_part_within_another_ends_with_that() -> None:
    def waits() -> bool:
        return not connection.connection.pgconn.pipeline_status

    with together():
        with unwaiting():
            assert not waits()
        assert not waits()
    with transaction.atomic():
        with unwaiting():
            assert not waits()
        assert waits()


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_it_is_kept_or_taken_back_with_it() -> None:
    with transaction.atomic():
        with together():
            User.objects.create_user("one")
        transaction.set_rollback(True)
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_within_a_transaction_leaves_the_rest_of_it() -> None:
    with transaction.atomic():
        User.objects.create_user("first")
        with pytest.raises(IntegrityError):
            twice("one")
        with together():
            User.objects.create_user("last")
    assert names() == ["first", "last"]


@pytest.mark.django_db(transaction=True)
def test_what_fails_together_within_another_leaves_the_rest_of_it() -> None:
    with together():
        User.objects.create_user("first")
        with pytest.raises(IntegrityError):
            twice("one")
        User.objects.create_user("last")
    assert names() == ["first", "last"]


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_commit_runs_after_it() -> None:
    told: list[list[str]] = []

    def tell() -> None:
        with ThreadPoolExecutor(1) as pool:  # another connection sees only what is committed
            told.append(pool.submit(seen).result())

    def seen() -> list[str]:
        try:
            return names()
        finally:
            connection.close()

    with together():
        transaction.on_commit(tell)
        User.objects.create_user("one")
    assert told == [["one"]]


class Hostile(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=5))
    def test_no_text_is_read_as_sql(self, names: list[str]) -> None:
        person = User.objects.create_user("owner")
        ApiToken.objects.bulk_create(
            ApiToken(owner=person, name=name, prefix=number, digest="d", scopes=[]) for number, name in enumerate(set(names))
        )
        assert {token.name for token in OF(names=names)} == set(names)
