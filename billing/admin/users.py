"""Staff and their groups, with the theme's forms."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from billing.admin.theme import (
    AdminPasswordChangeForm,
    ModelAdmin,
    UserChangeForm,
    UserCreationForm,
)
from billing.models import Authenticator

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """People who may sign in.

    Who is no superuser makes none, and changes none: the right to change users would be the right
    to everything otherwise.
    """

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "second_factor")

    @admin.display(boolean=True, description="Second factor")
    def second_factor(self, row: Any) -> bool:
        """Whether the user has set one up."""
        return bool(row.has_factor)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the answer to the column above."""
        confirmed = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True)
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(has_factor=Exists(confirmed))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rights beside the groups are given by superusers."""
        given = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return given
        return (*given, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser is changed by superusers, the password included."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Rights many people share; a group named after a role gives that role on the API."""
