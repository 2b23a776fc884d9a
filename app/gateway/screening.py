"""What a line says besides its words: who is named in it, in whose manner, and what it shows.

Pure. Text is compared as a reader sees it (NFKC, case folded, without accents and invisible signs,
letters of other scripts that look alike taken for Latin ones), and every hit is shown as it was
typed. Names are found by one automaton (Aho-Corasick) however many there are, also run together or
spaced out, and with one slip in each longer word.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

# Letters that pass for Latin ones, of UTS 39's confusables those of Cyrillic, Greek and digits.
_LOOKALIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455"
    "\u0501\u04bb\u051b\u051d\u04cf\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4"
    "\u03c5\u03c7\u0131\u0142\u00f8\u0111013457$@",
    "abekmhopctyxijsdhqwlabenikvoptuxilodoleastsa",
)
_STYLE = re.compile(
    r"(?:in the (?:style|manner|voice|likeness) of|(?:sound|look|talk|sing|act)(?:s|ing)?"
    r" (?:just )?like|im stil von|mit der stimme von|dans le style de|avec la voix de"
    r"|al estilo de|con la voz de|in de stijl van|met de stem van|nello stile di|con la voce di)"
    r" \w+(?: \w+)?"
)
# Words for what contracts prohibit, by the tag they are decided under.
CONTENT = {
    "nudity": "naked nude nudity topless undressed nackt desnudo nu nue",
    "sexually_explicit": "porn porno pornographic blowjob",
    "smoking": "cigarette cigarettes smoking cigar zigarette",
    "drugs": "cocaine heroin methamphetamine fentanyl",
    "weapons": "gun guns pistol rifle handgun machete",
    "violence": "stabbing beheading torture massacre",
}
FUZZY_FROM, TOGETHER_FROM = 5, 9  # letters from which a slip is forgiven, a gap is overlooked


@dataclass(frozen=True)
class Hit:
    """One thing found: `phrase` is what was typed, `what` what it was taken for."""

    kind: str  # "name", "style" or "content"
    phrase: str
    what: str


class Seen:
    """A text as a reader sees it: words of plain letters, each knowing where it was typed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = []
        self.spans: list[tuple[int, int]] = []
        word, began = "", 0
        for at, typed in enumerate(text):
            plain, breaks = _plain(typed)
            if breaks and word:
                self._add(word, began, at)
                word = ""
            if plain:
                began, word = (began if word else at), word + plain
        if word:
            self._add(word, began, len(text))
        self.joined = " ".join(self.words)

    def typed(self, first: int, last: int) -> str:
        """Return what was typed for these words, both included."""
        return self.text[self.spans[first][0] : self.spans[last][1]]

    def word_at(self, place: int) -> int:
        """Return which word a place in `joined` belongs to."""
        return self.joined.count(" ", 0, place)

    def _add(self, word: str, began: int, ended: int) -> None:
        self.words.append(word)
        self.spans.append((began, ended))


class Names:
    """The names that must not be said, made ready once for many lines."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        """`names` says for each id how its bearer is called; names of one word are left out."""
        self.bearers: dict[str, set[str]] = {}
        for bearer, called in names.items():
            for name in called:
                seen = Seen(name)
                if len(seen.words) > 1:  # one word is too often only a word
                    self.bearers.setdefault(seen.joined, set()).add(bearer)
        self._spaced = _Automaton([f" {name} " for name in self.bearers])
        together = {name.replace(" ", ""): name for name in self.bearers}
        self._together = {k: v for k, v in together.items() if len(k) >= TOGETHER_FROM}
        self._solid = _Automaton(list(self._together))
        self._by_slip: dict[str, list[str]] = {}
        for name in self.bearers:
            for slip in _slips(name.split()[0]):
                self._by_slip.setdefault(slip, []).append(name)

    def find(self, seen: Seen) -> Iterator[tuple[str, int, int]]:
        """Yield each name said, with its first and last word."""
        for place, found in self._spaced.find(f" {seen.joined} "):
            first = seen.word_at(place)
            yield found.strip(), first, first + found.strip().count(" ")
        of = [number for number, word in enumerate(seen.words) for _ in word]  # sign -> its word
        for place, found in self._solid.find("".join(seen.words)):
            first, last = of[place], of[place + len(found) - 1]
            if "".join(seen.words[first : last + 1]) == found:  # it lies across no other word
                yield self._together[found], first, last
        for first, word in enumerate(seen.words):
            for name in {n for slip in _slips(word) for n in self._by_slip.get(slip, ())}:
                wanted = name.split()
                said = seen.words[first : first + len(wanted)]
                if len(said) == len(wanted) and all(map(_alike, said, wanted)):
                    yield name, first, first + len(wanted) - 1


def screen(line: str, registered: Sequence[Names], *, licensed: Iterable[str] = ()) -> list[Hit]:
    """Say what a line names, imitates and shows, in the order of the text; `licensed` may be named.

    A manner or a voice is a hit whoever's it is, unless it is a licensed performer's.
    """
    seen, may = Seen(line), set(licensed)
    bearers: dict[tuple[int, int, str], set[str]] = {}
    for names in registered:
        for name, first, last in names.find(seen):
            bearers.setdefault((first, last, name), set()).update(names.bearers[name])
    hits, allowed = [], set()
    for (first, last, name), called in bearers.items():
        if called & may:  # somebody of this name is in the scene
            allowed.add(first)
        else:
            hits.append((first, Hit("name", seen.typed(first, last), name)))
    for match in _STYLE.finditer(seen.joined):
        first, last = seen.word_at(match.start()), seen.word_at(match.end() - 1)
        if allowed.isdisjoint(range(first, last + 1)):
            hits.append((first, Hit("style", seen.typed(first, last), match.group())))
    hits += [(place, hit) for place, hit in _content(seen)]
    return [hit for _, hit in sorted(hits, key=lambda each: (each[0], each[1].kind))]


def content_of(line: str) -> list[Hit]:
    """Say what a line speaks of that contracts prohibit: `what` is the tag it is decided under."""
    return [hit for _, hit in _content(Seen(line))]


def _content(seen: Seen) -> Iterator[tuple[int, Hit]]:
    for place, word in enumerate(seen.words):
        if tag := _TAG_OF.get(word):
            yield place, Hit("content", seen.typed(place, place), tag)


class _Automaton:
    """Aho-Corasick: every place of every pattern, in one pass over a text."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._fail, self._found = [0], [list[str]()]
        for pattern in patterns:
            state = 0
            for sign in pattern:
                if sign not in self._next[state]:
                    self._next[state][sign] = len(self._next)
                    self._next.append({})
                    self._fail.append(0)
                    self._found.append([])
                state = self._next[state][sign]
            self._found[state].append(pattern)
        waiting = deque(self._next[0].values())
        while waiting:
            state = waiting.popleft()
            for sign, below in self._next[state].items():
                back = self._fail[state]
                while back and sign not in self._next[back]:
                    back = self._fail[back]
                self._fail[below] = self._next[back].get(sign, 0)
                self._found[below] += self._found[self._fail[below]]
                waiting.append(below)

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield where each pattern begins, and which one it is."""
        state = 0
        for at, sign in enumerate(text):
            while state and sign not in self._next[state]:
                state = self._fail[state]
            state = self._next[state].get(sign, 0)
            for pattern in self._found[state]:
                yield at + 1 - len(pattern), pattern


def _plain(typed: str) -> tuple[str, bool]:
    """Return one sign in plain letters, and whether it parts two words."""
    kind = unicodedata.category(typed)
    if kind in {"Cf", "Mn", "Me"} or typed in "'\u2019\u00ad":
        return "", False  # invisible, or an accent of the letter before
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", typed).casefold())
    plain = "".join(each for each in folded.translate(_LOOKALIKE) if each.isalnum())
    return plain, not plain


def _slips(word: str) -> Iterator[str]:
    """Yield a word, and where it is long enough each spelling with one letter left out."""
    yield word
    if len(word) >= FUZZY_FROM - 1:
        for at in range(len(word)):
            yield word[:at] + word[at + 1 :]


def _alike(said: str, wanted: str) -> bool:
    """Say whether two words differ by one slip at most: a letter more, less, other, or swapped."""
    if said == wanted:
        return True
    if len(wanted) < FUZZY_FROM or abs(len(said) - len(wanted)) > 1:
        return False
    pairs = zip(said, wanted, strict=False)
    first = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    one, other = said[first:], wanted[first:]
    return (
        one[1:] == other[1:]
        or one[1:] == other
        or one == other[1:]
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )


_TAG_OF = {word: tag for tag, said in CONTENT.items() for word in said.split()}
