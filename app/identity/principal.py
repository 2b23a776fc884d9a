"""Who is asking, once that is proven, and what the key they asked with is limited to."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.access import ACTIONS, NAMED_ONLY, Rule
from app.identity.errors import BeyondScope


@dataclass(frozen=True)
class Scope:
    """What a key may be used for; None sets no limit, except for actions that want to be named."""

    actions: frozenset[str] | None = None
    projects: frozenset[str] | None = None
    contract_ids: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        actions: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
        contract_ids: Iterable[str] | None = None,
    ) -> "Scope":
        """Read a scope from lists, as rows and requests have them."""
        limits = (actions, projects, contract_ids)
        return cls(*(None if each is None else frozenset(each) for each in limits))

    def allows(self, action: str) -> bool:
        """Say whether an action is one of those a key may be used for."""
        return action not in NAMED_ONLY if self.actions is None else action in self.actions

    def or_that_of(self, other: "Scope") -> "Scope":
        """Return this scope with another's limits where it sets none, and nothing to be named."""
        inherited = None if other.actions is None else other.actions - NAMED_ONLY
        return Scope(
            inherited if self.actions is None else self.actions,
            other.projects if self.projects is None else self.projects,
            other.contract_ids if self.contract_ids is None else self.contract_ids,
        )

    @property
    def sees_all(self) -> bool:
        """Say whether it looks at all that is the organization's own."""
        return self.allows("read") and self.projects is None and self.contract_ids is None

    def is_within(self, other: "Scope") -> bool:
        """Say whether nothing is in here that is not in the other."""
        named = set(ACTIONS) | (self.actions or set())
        limits = (
            (self.projects, other.projects),
            (self.contract_ids, other.contract_ids),
        )
        return all(other.allows(each) for each in named if self.allows(each)) and all(
            wide is None or (narrow is not None and narrow <= wide) for narrow, wide in limits
        )


UNLIMITED = Scope()


@dataclass(frozen=True)
class Principal:
    """The organization behind a request, the key it proved itself with, and that key's limits."""

    organization_id: str
    kind: str
    api_key_id: str
    scope: Scope = UNLIMITED

    def insist(self, rule: Rule, *, contract_id: str | None = None) -> None:
        """Do nothing where the key may be used for an operation. Raises BeyondScope.

        A key for some projects or contracts opens only what says which it is about: an operation
        that checks it, or one whose address names the contract.
        """
        scope = self.scope
        if rule.to and not scope.allows(rule.to):
            raise BeyondScope(
                f"this API key may not be used to {rule.to}; make one that may, or use another"
            )
        judged = {
            "project": scope.projects is None or "project" in rule.checks,
            "contract": scope.contract_ids is None
            or contract_id in scope.contract_ids
            or "contract" in rule.checks,
        }
        for what, is_judged in judged.items():
            if not is_judged:
                raise BeyondScope(
                    f"this API key is for some {what}s only, and this is not known to be about one"
                )

    def insist_project(self, project: str | None) -> None:
        """Do nothing where the key is for this project. Raises BeyondScope."""
        if self.scope.projects is not None and project not in self.scope.projects:
            raise BeyondScope("this API key is for other projects")
