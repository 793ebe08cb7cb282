"""Following other people's courses (contract: notes 3.8). Following gives no right to read private notes."""

from __future__ import annotations

from commands.aggregate import Aggregate, evolves
from commands.courses.aggregate import Course
from commands.courses.commands import live_course
from commands.errors import Conflict, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.preconditions import require_version
from commands.undo import Span
from eventstore.events import subscriptions


class Subscription(Aggregate):
    """One account's relation to one course."""

    kind = "subscription"

    is_active: bool = False
    is_private: bool = False

    @evolves(subscriptions.CourseSubscribed)
    def _subscribed(self, event: subscriptions.CourseSubscribed) -> None:
        self.is_active = True
        self.is_private = event.is_private

    @evolves(subscriptions.CourseUnsubscribed)
    def _unsubscribed(self, event: subscriptions.CourseUnsubscribed) -> None:
        self.is_active = False


def subscribe(work: Work[Lookups], account_id: int, course_id: int, *, is_private: bool = False) -> int:
    """Follows the course from now on, also if it was followed before."""
    require_version(work, live_course(work, course_id).edited_on)
    ids = (account_id, course_id)
    subscription = work.find(Subscription, ids) or work.new(Subscription, ids)
    subscription.trigger(
        subscriptions.CourseSubscribed,
        work.context.now,
        account_id=account_id,
        course_id=course_id,
        is_private=is_private,
    )
    return course_id


def unsubscribe(work: Work[Lookups], account_id: int, course_id: int) -> int:
    """Follows the course no longer. Raises NotFound when it was not followed."""
    course, subscription = _followed(work, account_id, course_id)
    require_version(work, course.edited_on)
    subscription.trigger(subscriptions.CourseUnsubscribed, work.context.now)
    return course_id


def open_course(work: Work[Lookups], account_id: int, course_id: int) -> int:
    """Notes that the account looked into a course that it follows. Raises NotFound when it does not."""
    _, subscription = _followed(work, account_id, course_id)
    subscription.trigger(subscriptions.CourseOpened, work.context.now)
    return course_id


def _followed(work: Work[Lookups], account_id: int, course_id: int) -> tuple[Course, Subscription]:
    course = live_course(work, course_id)
    subscription = work.find(Subscription, (account_id, course_id))
    if subscription is None or not subscription.is_active:
        raise NotFound("CourseSubscription")
    return course, subscription


def take_back_subscription(work: Work[Lookups], span: Span) -> None:
    """Following and no longer following; that a course was opened stays."""
    account_id, course_id = span.numbers
    subscription = work.find(Subscription, (account_id, course_id))
    after = work.at(Subscription, (account_id, course_id), span.last)
    before = work.at(Subscription, (account_id, course_id), span.first - 1)
    assert subscription is not None
    assert after is not None
    if _following(subscription) == _following(before):
        return
    if _following(subscription) != _following(after):
        raise Conflict("The subscription has been changed since then.")
    if before is not None and before.is_active:
        subscription.trigger(
            subscriptions.CourseSubscribed, work.context.now, account_id=account_id, course_id=course_id, is_private=before.is_private
        )
    else:
        subscription.trigger(subscriptions.CourseUnsubscribed, work.context.now)


def _following(subscription: Subscription | None) -> tuple[bool, bool]:
    followed = subscription is not None and subscription.is_active
    return followed, followed and subscription is not None and subscription.is_private
