"""Pages and API of this application; `config.urls` mounts both."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, path, reverse_lazy

from accounts import api, forms, views

app_name = "accounts"


def _public(view: type, template: str, **options: object):  # type: ignore[no-untyped-def]
    return login_not_required(view.as_view(template_name=f"accounts/{template}.html", **options))  # type: ignore[attr-defined]


urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.login, name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("account/", views.account, name="account"),
    path(
        "account/password/",
        auth.PasswordChangeView.as_view(
            template_name="accounts/password_change.html",
            form_class=forms.ChangePasswordForm,
            success_url=reverse_lazy("accounts:account"),
        ),
        name="password-change",
    ),
    path("password/reset/", views.password_reset, name="password-reset"),
    path("password/reset/sent/", _public(auth.PasswordResetDoneView, "password_reset_sent"), name="password-reset-sent"),
    path(
        "password/reset/<uidb64>/<token>/",
        _public(
            auth.PasswordResetConfirmView,
            "password_reset_confirm",
            form_class=forms.NewPasswordForm,
            success_url=reverse_lazy("accounts:login"),
        ),
        name="password-reset-confirm",
    ),
    path("tokens/", views.token_list, name="token-list"),
    path("tokens/<int:pk>/revoke/", views.token_revoke, name="token-revoke"),
    path("activity/", views.activity, name="activity"),
    path("activity/export.csv", views.activity_export, {"form": "csv"}, name="activity-csv"),
    path("activity/export.json", views.activity_export, {"form": "json"}, name="activity-json"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    path("tokens/", api.token_list, name="token-list"),
    path("tokens/<int:pk>/", api.token_detail, name="token-detail"),
    path("activity/", api.activity, name="activity"),
]
