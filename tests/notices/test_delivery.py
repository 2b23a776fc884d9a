"""What is told goes out once it is committed, over TLS, and only an answer proves that it did."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from app import clock, config, db, egress_mail
from app.egress_mail import Mail
from app.identity import service as identity
from app.notices import delivery, service
from app.notices.models import Contact, Notice, NoticeDelivery
from tests.notices.mailing import a_member, an_address, post_office
from tests.people.visiting import ONE_DATABASE, everything, later

MAIL = Mail("griet@delft.example", "Subject", "Text\n", "<one@understudy.example>")


@pytest.fixture
def desks(postbox):
    """A desk with Griet, who has an address, and the production that waits for her."""
    with db.writing() as session:
        desk = identity.create_organization(session, "The Girl's desk", "performer")
        production = identity.create_organization(session, "Nightglass", "production")
        a_member(session, desk, "griet@delft.example")
    return desk, production


def tell(desks, **more):
    desk, production = desks
    with db.writing() as session:
        return service.tell(
            session,
            "approval-requested",
            "apr_1",
            organization_id=desk.id,
            alarms_id=production.id,
            **more,
        )


def proof(notice):
    with db.reading() as session:
        return service.reached(session, [notice])[notice.id]


class TestATold:
    def test_mail_arrives_and_its_servers_answer_is_the_evidence(self, desks, postbox):
        notice = tell(desks)
        assert proof(notice) == []
        assert delivery.send_waiting() == 1
        (mail,) = postbox.arrived
        assert mail["To"] == "griet@delft.example"
        (row,) = everything(NoticeDelivery)
        assert (row.state, row.reply, mail["Message-ID"]) == (
            "sent",
            "250 OK queued as 1",
            row.message_id,
        )
        assert "250 OK queued as 1" in proof(notice)[0]
        assert delivery.send_waiting() == 0

    @ONE_DATABASE
    def test_mail_holds_no_private_term(self, desks, postbox):
        tell(desks)
        delivery.send_waiting()
        text = postbox.arrived[0].get_content()
        assert "/notices" in text
        for private in ("apr_1", "Girl", "Nightglass", "Griet", "org_", "EUR"):
            assert private not in text + postbox.arrived[0]["Subject"]

    @ONE_DATABASE
    def test_nothing_goes_out_of_what_was_rolled_back(self, desks, postbox):
        with Session(db.engine()) as session:
            service.tell(session, "released", "gen_1", organization_id=desks[0].id)
            session.rollback()
        assert delivery.send_waiting() == 0
        assert everything(Notice) == postbox.arrived == []

    @ONE_DATABASE
    def test_what_is_said_once_is_said_once(self, desks):
        assert tell(desks, once="a") is not None
        assert tell(desks, once="a") is None
        assert len(everything(Notice)) == 1


class TestFailing:
    def test_a_refusal_for_good_alarms_who_waits_while_there_is_time(self, desks, postbox):
        postbox.says = "550 5.1.1 no such reader"
        due_at = clock.now() + timedelta(hours=1)
        notice = tell(desks, due_at=due_at)
        delivery.send_waiting()
        (row,) = everything(NoticeDelivery)
        assert (row.state, row.reply) == ("failed", "550 5.1.1 no such reader")
        assert proof(notice) == []
        (alarm,) = [each for each in everything(Notice) if each.kind == "notice-failed"]
        assert (alarm.organization_id, alarm.subject_id) == (desks[1].id, "apr_1")
        assert alarm.created_at < alarm.due_at == due_at

    @ONE_DATABASE
    def test_no_alarm_while_another_address_was_reached(self, desks, postbox):
        with db.writing() as session:
            person_id = session.exec(select(Contact.person_id)).one()
            session.add(an_address(session, _Named(person_id), "+31", channel="sms"))
        tell(desks)
        delivery.send_waiting()
        assert {each.state for each in everything(NoticeDelivery)} == {"sent", "failed"}
        assert [each.kind for each in everything(Notice)] == ["approval-requested"]

    @ONE_DATABASE
    def test_a_busy_server_is_asked_again_later_and_at_last_given_up(
        self, desks, postbox, monkeypatch
    ):
        postbox.says = "451 4.7.1 later, please"
        tell(desks)
        for waits in delivery.BACKOFF:
            delivery.send_waiting()
            (row,) = everything(NoticeDelivery)
            assert row.state == "waiting"
            assert delivery.send_waiting() == 0  # not at once
            later(monkeypatch, seconds=waits.total_seconds() + 1)
        delivery.send_waiting()
        (row,) = everything(NoticeDelivery)
        assert (row.state, row.attempts) == ("failed", len(delivery.BACKOFF) + 1)
        assert "notice-failed" in [each.kind for each in everything(Notice)]

    @ONE_DATABASE
    def test_killed_before_the_answer_is_kept_it_is_sent_again_as_the_same_mail(
        self, desks, postbox, monkeypatch
    ):
        tell(desks)

        class Killed(BaseException):
            pass

        def die(*_):
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(delivery, "_settle", die)
            with pytest.raises(Killed):
                delivery.send_waiting()
        assert delivery.send_waiting() == 0  # claimed: another worker leaves it alone
        later(monkeypatch, seconds=delivery.CLAIMED_FOR.total_seconds() + 1)
        assert delivery.send_waiting() == 1
        first, second = (mail["Message-ID"] for mail in postbox.arrived)
        assert first == second

    @ONE_DATABASE
    def test_a_bounce_unmakes_the_evidence(self, desks, postbox):
        notice = tell(desks)
        delivery.send_waiting()
        (row,) = everything(NoticeDelivery)
        with db.writing() as session:
            assert delivery.take_bounce(session, b"Subject: hello\n\nhi") is None
            assert delivery.take_bounce(session, bounce("<other@understudy.example>")) is None
            assert delivery.take_bounce(session, bounce(row.message_id, "delayed")) is None
        assert proof(notice)
        with db.writing() as session:
            assert delivery.take_bounce(session, bounce(row.message_id)).id == row.id
        assert proof(notice) == []
        assert "notice-failed" in [each.kind for each in everything(Notice)]


class TestTheDoor:
    @ONE_DATABASE
    def test_sends_nothing_where_the_tls_it_was_told_of_is_missing(self, postbox, monkeypatch):
        with post_office(postbox, None) as port:
            monkeypatch.setenv("UNDERSTUDY_SMTP_PORT", str(port))
            config.settings.cache_clear()
            with pytest.raises(egress_mail.MailFailed, match="SMTPNotSupportedError"):
                egress_mail.send(MAIL)
        assert postbox.arrived == []

    @ONE_DATABASE
    def test_sends_nothing_to_a_server_it_does_not_know(self, postbox, monkeypatch):
        monkeypatch.delenv("UNDERSTUDY_SMTP_CA")
        config.settings.cache_clear()
        with pytest.raises(egress_mail.MailFailed, match="SSLCertVerificationError"):
            egress_mail.send(MAIL)
        assert postbox.arrived == []

    @ONE_DATABASE
    def test_a_connection_that_ends_before_the_answer_may_have_arrived(self, postbox):
        postbox.drops = True
        with pytest.raises(egress_mail.MailFailed):
            egress_mail.send(MAIL)
        assert len(postbox.arrived) == 1

    @ONE_DATABASE
    def test_a_password_that_cannot_be_read_is_said(self, postbox, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_SMTP_USER", "understudy")
        config.settings.cache_clear()
        with pytest.raises(egress_mail.MailFailed, match=r"smtp\.password"):
            egress_mail.send(MAIL)


class _Named:
    def __init__(self, id_):
        self.id = id_


def bounce(message_id: str, action: str = "failed") -> bytes:
    """A report of non-delivery as RFC 3464 has it."""
    return f"""From: mailer-daemon@delft.example
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: text/plain

It could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; delft.example

Final-Recipient: rfc822; griet@delft.example
Action: {action}
Status: 5.1.1

--B
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Understudy

Text
--B--
""".encode()
