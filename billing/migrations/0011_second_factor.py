"""Second factors of staff: django-otp's devices, at most one of each kind a user."""

from django.db import migrations

ONE_EACH = """
create unique index second_factor_one_app on otp_totp_totpdevice (user_id);
create unique index second_factor_one_paper on otp_static_staticdevice (user_id);
"""
ANY_NUMBER = "drop index second_factor_one_app; drop index second_factor_one_paper;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_settle_in_order"),
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
    ]

    operations = [
        migrations.CreateModel(
            name="Authenticator",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("otp_totp.totpdevice",),
        ),
        migrations.CreateModel(
            name="RecoveryCodes",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("otp_static.staticdevice",),
        ),
        migrations.RunSQL(ONE_EACH, ANY_NUMBER),
    ]
