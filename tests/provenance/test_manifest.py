"""What a manifest says, and what it keeps to itself."""

from pathlib import Path

import pytest

from app.provenance.manifest import ALGORITHM, Reference, Source, commitment, manifest


def described(**changes):
    facts = {
        "generation_id": "gen_1",
        "payload": bytes(8),
        "media_type": "image/jpeg",
        "references": [Reference("ab" * 32), Reference("cd" * 32, "image/png")],
        "decision_receipt_sha256": "12" * 32,
        "contract_sha256s": ["ef" * 32],
        "license_status_url": "https://understudy.example/v1/licenses/1",
        "generator": "puppet",
        "generator_version": "1",
    }
    return manifest(**(facts | changes))


def assertion(made, label):
    return next(a["data"] for a in made.definition["assertions"] if a["label"] == label)


class TestManifest:
    def test_says_an_algorithm_made_it_from_every_reference(self):
        made = described()
        created, marked = assertion(made, "c2pa.actions.v2")["actions"]
        assert created["action"] == "c2pa.created"
        assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
        ingredients = made.definition["ingredients"]
        assert created["parameters"]["ingredientIds"] == [i["label"] for i in ingredients]
        assert [i["relationship"] for i in ingredients] == ["inputTo", "inputTo"]
        assert marked["action"] == "c2pa.watermarked.bound"
        assert assertion(made, "c2pa.soft-binding")["alg"] == ALGORITHM

    def test_what_derives_from_an_output_opens_it_as_its_parent(self):
        parent = Source(Path("parent.mp4"), "video/mp4")
        made = described(parent=parent, draft=True)
        opened, edited = assertion(made, "c2pa.actions.v2")["actions"][:2]
        assert opened["action"] == "c2pa.opened"
        assert opened["parameters"]["ingredientIds"] == ["parent"]
        assert (edited["action"], edited["digitalSourceType"].rpartition("/")[2]) == (
            "c2pa.edited",
            "trainedAlgorithmicMedia",
        )
        ((said, source),) = made.sources
        assert (said["relationship"], source) == ("parentOf", parent)
        assert "draft" in made.definition["title"]

    def test_altered_footage_is_opened_as_the_parent_and_edited(self):
        footage = Source(Path("shot.mp4"), "video/mp4")
        made = described(footage=footage, rendering=Source(Path("render.mp4"), "video/mp4"))
        opened, edited, marked = assertion(made, "c2pa.actions.v2")["actions"]
        assert (opened["action"], opened["parameters"]["ingredientIds"]) == (
            "c2pa.opened",
            ["footage"],
        )
        assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
        assert edited["parameters"]["ingredientIds"] == ["reference-1", "reference-2", "rendering"]
        assert marked["action"] == "c2pa.watermarked.bound"
        (parent, source), (rendering, _) = made.sources
        assert (parent["relationship"], source) == ("parentOf", footage)
        assert rendering["relationship"] == "inputTo"

    def test_metadata_says_how_it_came_to_be_and_where_to_ask_and_no_more(self):
        data = assertion(described(), "cawg.metadata")
        assert data["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
        assert data["xmpRights:WebStatement"] == "https://understudy.example/v1/licenses/1"
        assert set(data) - {"@context"} == {
            "dc:identifier",
            "Iptc4xmpExt:DigitalSourceType",
            "xmpRights:WebStatement",
        }

    def test_forbids_every_kind_of_mining(self):
        entries = assertion(described(), "cawg.training-mining")["entries"]
        assert len(entries) == 4
        assert {entry["use"] for entry in entries.values()} == {"notAllowed"}

    def test_commits_to_references_and_contracts_without_telling_them(self):
        made = described()
        told = str(made.definition)
        for private in ("ab" * 32, "cd" * 32, "ef" * 32):
            assert private not in told
        consent = assertion(made, "org.understudy.consent")
        assert consent["generation"] == "gen_1"
        assert consent["decisionReceiptSha256"] == "12" * 32
        assert [r["ingredient"] for r in consent["references"]] == ["reference-1", "reference-2"]
        assert consent["contracts"] == [o["commitment"] for o in made.openings["contracts"]]

    def test_the_same_contract_is_committed_to_anew_each_time(self):
        """Two outputs under one contract cannot be linked by their manifests."""
        one, two = (assertion(described(), "org.understudy.consent") for _ in range(2))
        assert one["contracts"] != two["contracts"]
        assert one["references"] != two["references"]

    def test_without_references_names_none(self):
        created = assertion(described(references=[]), "c2pa.actions.v2")["actions"][0]
        assert "parameters" not in created

    def test_refuses_a_payload_of_another_length(self):
        with pytest.raises(ValueError, match="8 bytes"):
            described(payload=b"short")


class TestCommitment:
    def test_binds_digest_and_salt(self):
        made = commitment("ab" * 32, b"s" * 16)
        assert made == commitment("ab" * 32, b"s" * 16)
        assert made != commitment("ab" * 32, b"t" * 16)
        assert made != commitment("ac" + "ab" * 31, b"s" * 16)
