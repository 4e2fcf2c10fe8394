"""Pages and API of this application; `config.urls` mounts both."""

from django.urls import URLPattern, URLResolver

app_name = "kpis"

urlpatterns: list[URLPattern | URLResolver] = []
api_urlpatterns: list[URLPattern | URLResolver] = []
