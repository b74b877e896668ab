"""The theme's classes, typed as the Django classes they extend: the theme ships no types."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms

if TYPE_CHECKING:
    from django.contrib import admin
    from django.contrib.admin.views.main import ChangeList as DjangoChangeList
    from django.contrib.auth import forms as auth_forms
    from django.http import HttpRequest, HttpResponse
    from django_stubs_ext import StrOrPromise

    View = TypeVar("View", bound=Callable[..., Any])

    class ModelAdmin(admin.ModelAdmin[Any]):
        """Django's, drawn by the theme."""

        def _changeform_view(
            self,
            request: HttpRequest,
            object_id: str | None,
            form_url: str,
            extra_context: dict[str, Any] | None,
        ) -> HttpResponse: ...

    class ChangeList(DjangoChangeList):
        """Django's."""

    def action(
        *, description: "StrOrPromise", permissions: Sequence[str]
    ) -> Callable[[View], View]:
        """Mark a method as an action with a page of its own."""

    UserChangeForm = auth_forms.UserChangeForm
    UserCreationForm = auth_forms.UserCreationForm
    AdminPasswordChangeForm = auth_forms.AdminPasswordChangeForm
    TextInput = forms.TextInput
    PasswordInput = forms.PasswordInput
    FileInput = forms.ClearableFileInput
    Select = forms.Select
    Switch = forms.CheckboxInput

    def install_form_classes() -> None:
        """Make forms drawn by Django's own views look as the theme's."""
else:
    from django.contrib.admin import helpers
    from unfold.admin import ModelAdmin
    from unfold.decorators import action
    from unfold.forms import (
        AdminForm,
        AdminPasswordChangeForm,
        Fieldline,
        UserChangeForm,
        UserCreationForm,
    )
    from unfold.views import ChangeList
    from unfold.widgets import UnfoldAdminFileFieldWidget as FileInput
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanSwitchWidget as Switch

    def install_form_classes():
        helpers.AdminForm, helpers.Fieldline = AdminForm, Fieldline


__all__ = [
    "AdminPasswordChangeForm",
    "ChangeList",
    "FileInput",
    "ModelAdmin",
    "PasswordInput",
    "Select",
    "Switch",
    "TextInput",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "install_form_classes",
]
