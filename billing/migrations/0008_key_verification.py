"""Verifications of keys by request id; what an action on a gateway's key needs to be safe."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import billing.fields

REFUSALS = """
create function billing_guard_verification() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.answer is null
       and (new.source_id, new.request_id, new.fingerprint) is not distinct from
           (old.source_id, old.request_id, old.fingerprint) then
        return new;
    end if;
    raise exception 'an answer that was given stands' using errcode = 'restrict_violation';
end $$;
create trigger verification_stands before update or delete on billing_keyverification
    for each row execute function billing_guard_verification();
create trigger verification_is_not_truncated before truncate on billing_keyverification
    for each statement execute function billing_refuse('facts are kept');
"""

DROP = """
drop trigger verification_is_not_truncated on billing_keyverification;
drop trigger verification_stands on billing_keyverification;
drop function billing_guard_verification();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_gateway_work")]

    operations = [
        migrations.AddField("keyaction", "before", models.JSONField(editable=False, null=True)),
        migrations.AddField(
            "keyaction", "due_at", models.DateTimeField(db_default=Now(), editable=False)
        ),
        migrations.AddField(
            "keyaction",
            "secret",
            billing.fields.SealedTextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            "keyaction", "sent_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.CreateModel(
            name="KeyVerification",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("request_id", models.CharField(db_collation="C", max_length=200)),
                ("fingerprint", models.BinaryField()),
                ("answer", models.JSONField(null=True)),
                ("at", models.DateTimeField(db_default=Now())),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.source",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "request_id"), name="verification_once"
                    )
                ],
            },
        ),
        *(
            migrations.AddIndex("apikey", models.Index(fields=fields, name=name))
            for fields, name in (
                (["namespace", "-id"], "key_by_namespace"),
                (["group_id", "-id"], "key_by_group"),
            )
        ),
        *(
            migrations.AddIndex(
                "apikey", models.Index(fields=["-id"], condition=models.Q(**state), name=name)
            )
            for state, name in (
                ({"suspended": True}, "key_suspended"),
                ({"active": False}, "key_revoked"),
                ({"is_ambiguous": True}, "key_ambiguous"),
                ({"is_issued_here": True}, "key_issued_here"),
            )
        ),
        migrations.RunSQL([REFUSALS], [DROP]),
    ]
