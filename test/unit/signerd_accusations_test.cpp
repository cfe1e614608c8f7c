// What signers hold against each other: evidence and statements of disputes are handed on, kept, and believed
// only when verified (SPEC 5.6, 6.5).
#include <gmock/gmock.h>

#include <fstream>

#include "test/unit/signerd_court.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using wire::MessageType;

// ---- evidence -----------------------------------------------------------------------------------------

TEST_F(Court, evidence_reaches_every_signer_whoever_shows_it_first) {
  for (const auto& evidence : {bad_partial(kCheat), contradiction(2)}) {
    const PartyId culprit = culprit_of(evidence);
    const Bytes encoded = wire::encode_blame(evidence);
    auto held = nodes[1].quarantine->signers();
    held.insert(culprit);
    const std::uint64_t before = nodes[1].accusations->version();
    if (culprit == kCheat) {
      queue.push_back(notice(4, 1, encoded));
    } else {
      EXPECT_FALSE(nodes[1].accusations->answer(caller(wire::Role::Frontend), notice(kNobody, 1, encoded), now)) << "no answer";
    }
    settle();
    expect_held_by_all(held);
    EXPECT_NE(nodes[1].accusations->version(), before);
    for (auto& [id, node] : nodes) {
      EXPECT_TRUE(node.keys->quarantined(culprit));
      EXPECT_THAT(node.told, testing::Contains(culprit));
      EXPECT_TRUE(Quarantine::open(state(id) / "quarantine")->holds(culprit)) << "on disk";
      for (const auto& entry : list(id).entries) {
        const auto shown = *wire::decode_blame(entry.evidence);
        EXPECT_EQ(verify(shown, sim::identities_of(group), info.key).value(), entry.signer) << "whoever asks can verify it";
      }
    }
  }
}

TEST_F(Court, it_is_on_disk_before_anybody_is_told) {
  bool told = false;
  auto& node = nodes[1];
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  for (const auto& e : sent)
    if (e.from == 1) told = true;
  EXPECT_TRUE(told);
  // The same with a disk that is full: in force, not told, not shown; and later it is.
  sent.clear();
  queue.clear();
  auto& other = nodes[2];
  fs::remove_all(state(2) / "quarantine");
  std::ofstream(state(2) / "quarantine") << "in the way";
  other.accusations->on_message(notice(4, 2, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(other.keys->quarantined(kCheat));
  EXPECT_EQ(other.accusations->version(), 0U);
  EXPECT_TRUE(list(2).entries.empty());
  other.accusations->peer_up(5, now);
  other.accusations->tick(now);
  EXPECT_TRUE(sent.empty());
  fs::remove(state(2) / "quarantine");
  other.accusations->tick(now);
  EXPECT_EQ(sent.size(), kN - 1);
  EXPECT_EQ(list(2).entries.size(), 1U);
}

TEST_F(Court, a_restart_forgets_nothing_and_who_was_away_is_told) {
  cut = {5};
  nodes[1].accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  settle();
  EXPECT_FALSE(nodes[5].quarantine->holds(kCheat));
  for (auto& [id, node] : nodes) restart(node);
  EXPECT_TRUE(nodes[1].keys->quarantined(kCheat));
  EXPECT_EQ(nodes[1].told, std::vector<PartyId>{kCheat});
  cut = {};
  nodes[2].accusations->peer_up(5, now);
  settle();
  expect_held_by_all({kCheat});
}

TEST_F(Court, forged_evidence_puts_nobody_into_quarantine_whatever_is_changed) {
  auto& node = nodes[1];
  const std::vector<BlameEvidence> good{bad_partial(kCheat), contradiction(kCheat),
                                        DisputesEvidence{info, kCheat, {statement(1, kCheat), statement(2, kCheat)}}};
  const auto show = [&](const Bytes& evidence) { node.accusations->on_message(notice(4, 1, evidence), now += seconds(1)); };
  std::size_t tried = 0, still = 0;
  for (const auto& evidence : good) {
    const Bytes encoded = wire::encode_blame(evidence);
    for (std::size_t i = 0; i < encoded.size(); i += 1 + encoded.size() / 400) {
      Bytes changed = encoded;
      changed[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
      show(changed);
      ++tried;
      // A field that proves nothing may be changed (a context's number is signed, a label is not): the culprit
      // stays the culprit, nobody else ever is one.
      for (auto id : node.quarantine->signers()) EXPECT_EQ(id, kCheat) << kind_of(evidence) << " byte " << i;
      if (node.quarantine->holds(kCheat)) {
        ++still;
        node.accusations.reset();
        fs::remove_all(state(1));
        restart(node);
      }
    }
    for (std::size_t cut_at : {std::size_t{0}, encoded.size() / 2, encoded.size() - 1}) {
      if (cut_at > 0) show(Bytes(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(cut_at)));
      EXPECT_TRUE(node.quarantine->entries().empty());
    }
  }
  EXPECT_GT(tried, 500U);
  EXPECT_LT(still, tried / 20);
  EXPECT_TRUE(std::none_of(sent.begin(), sent.end(), [](const auto& e) {
    return culprit_of(*wire::decode_blame(wire::decode<wire::QuarantineNotice>(e.payload)->evidence)) != kCheat;
  })) << "nothing forged is handed on";
}

TEST_F(Court, an_honest_partial_or_statements_of_too_few_frame_nobody) {
  auto& node = nodes[1];
  auto made_up = statement(5, 4);
  made_up.signature = statement(2, 4).signature;
  for (const auto& evidence : std::vector<BlameEvidence>{bad_partial(2, false), bad_partial(kCheat, false),
                                                         DisputesEvidence{info, 4, {statement(2, 4), made_up}}}) {
    node.accusations->on_message(notice(kCheat, 1, wire::encode_blame(evidence)), now);
    EXPECT_TRUE(node.quarantine->entries().empty()) << kind_of(evidence);
  }
  EXPECT_EQ(node.accusations->counters().forged, 3U);
}

TEST_F(Court, evidence_of_an_unknown_epoch_is_not_even_looked_at) {
  auto& node = nodes[1];
  end_epoch(node);
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.accusations->counters().of_no_epoch, 1U);
}

TEST_F(Court, a_flood_is_bounded_and_keeps_no_other_sender_out) {
  auto& node = nodes[1];
  Bytes forged = wire::encode_blame(bad_partial(kCheat));
  forged.back() ^= 1;
  for (int i = 0; i < 1000; ++i) {
    forged[forged.size() - 2 - static_cast<std::size_t>(i % 32)] ^= static_cast<std::uint8_t>(i);
    node.accusations->on_message(notice(4, 1, forged), now);
  }
  EXPECT_GE(node.accusations->counters().too_many, 900U);
  EXPECT_LE(node.accusations->counters().forged, 100U);
  EXPECT_TRUE(node.quarantine->entries().empty());
  node.accusations->on_message(notice(5, 1, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  // The flood goes on with what is known already: that costs nobody anything.
  const auto before = node.accusations->counters();
  for (int i = 0; i < 1000; ++i) node.accusations->on_message(notice(2, 1, node.quarantine->entries()[0].evidence), now);
  EXPECT_EQ(node.accusations->counters().known, before.known + 1000);
  EXPECT_EQ(node.accusations->counters().too_many, before.too_many);
  node.accusations->on_message(notice(2, 1, wire::encode_blame(contradiction(2))), now);
  EXPECT_TRUE(node.quarantine->holds(2)) << "and uses up nothing";
}

TEST_F(Court, the_same_forgery_is_verified_once) {
  auto& node = nodes[1];
  Bytes forged = wire::encode_blame(contradiction(kCheat));
  forged.back() ^= 1;
  for (int i = 0; i < 20; ++i) node.accusations->on_message(notice(4, 1, forged), now);
  EXPECT_EQ(node.accusations->counters().forged, 20U);
  EXPECT_TRUE(node.quarantine->entries().empty());
}

TEST_F(Court, garbage_in_notices_is_counted_and_no_more) {
  auto& node = nodes[1];
  for (auto type : {MessageType::QuarantineNotice, MessageType::DisputeNotice}) {
    for (std::size_t length : {0, 1, 4, 5, 80, 200}) {
      node.accusations->on_message({type, {}, 4, 1, Bytes(length, 0xff)}, now);
      node.accusations->on_message({type, {}, 4, 1, Bytes(length, 0)}, now);
    }
  }
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.accusations->counters().forged, 24U);
}

// ---- disputes -----------------------------------------------------------------------------------------

TEST_F(Court, a_signer_in_dispute_with_T_others_is_put_into_quarantine_by_all) {
  fall_out(1, kCheat);
  settle();
  expect_held_by_all({});
  fall_out(5, kCheat);
  settle();
  expect_held_by_all({kCheat});
  const auto evidence = *wire::decode_blame(list(2).entries[0].evidence);
  EXPECT_EQ(kind_of(evidence), "disputes");
  EXPECT_EQ(verify(evidence, sim::identities_of(group), info.key).value(), kCheat);
}

TEST_F(Court, both_ends_of_one_dispute_are_one_accusation_each) {
  fall_out(1, kCheat);
  fall_out(kCheat, 1);
  settle();
  expect_held_by_all({});
}

TEST_F(Court, a_corrupt_signer_that_is_in_dispute_with_everybody_frames_nobody_but_itself) {
  for (PartyId id : {PartyId{1}, PartyId{2}, PartyId{4}, PartyId{5}}) fall_out(kCheat, id);
  settle();
  expect_held_by_all({});  // it accuses each of them once
}

TEST_F(Court, disputes_are_told_again_after_a_restart_and_then_prove_what_they_prove) {
  cut = {2, 4, 5};
  fall_out(1, kCheat);
  settle();
  cut = {1, kCheat, 2, 4};
  fall_out(5, kCheat);
  settle();
  expect_held_by_all({});
  for (auto& [id, node] : nodes) restart(node);
  cut = {};
  link_all();
  expect_held_by_all({kCheat});
}

TEST_F(Court, statements_are_taken_from_their_signer_only_and_as_they_were_signed) {
  auto& node = nodes[1];
  const auto good = statement(2, kCheat);
  const Bytes encoded = dispute_notice(good, 2, 1).payload;
  ASSERT_EQ(encoded.size(), 100U);  // epoch, a, b, fault, signer, signature
  const auto rejected = [&](const Bytes& payload, PartyId from) {
    const auto before = node.accusations->counters();
    node.accusations->on_message({MessageType::DisputeNotice, {}, from, 1, payload}, now += seconds(1));
    const auto& after = node.accusations->counters();
    return after.forged == before.forged + 1 || after.of_no_epoch == before.of_no_epoch + 1;
  };
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = encoded;
    changed[at] = value;
    return changed;
  };
  EXPECT_TRUE(rejected(encoded, 4)) << "shown by another";
  EXPECT_TRUE(rejected(with(0, static_cast<std::uint8_t>(encoded[0] ^ 1)), 2)) << "epoch";
  for (auto a : std::vector<std::uint8_t>{0, 1, 3, 4, 200}) EXPECT_TRUE(rejected(with(32, a), 2)) << "a = " << int(a);
  for (auto b : std::vector<std::uint8_t>{0, 1, 2, 4, 5, 6, 200}) EXPECT_TRUE(rejected(with(33, b), 2)) << "b = " << int(b);
  for (int fault = 0; fault < 256; ++fault)
    if (fault != static_cast<int>(Fault::OtCheck)) {
      EXPECT_TRUE(rejected(with(34, static_cast<std::uint8_t>(fault)), 2)) << "fault " << fault;
    }
  EXPECT_TRUE(rejected(with(35, kCheat), kCheat)) << "the other end did not sign it";
  EXPECT_TRUE(rejected(with(35, kCheat), 2));
  for (std::size_t at : {36, 60, 99}) EXPECT_TRUE(rejected(with(at, static_cast<std::uint8_t>(encoded[at] ^ 1)), 2)) << "signature";
  EXPECT_FALSE(rejected(encoded, 2));
  // Two that were rejected would have been enough.
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_FALSE(rejected(dispute_notice(statement(4, kCheat), 4, 1).payload, 4));
  EXPECT_TRUE(node.quarantine->holds(kCheat));
}

TEST_F(Court, repeated_statements_are_one_and_a_flood_of_them_costs_nothing) {
  auto& node = nodes[1];
  for (int i = 0; i < 1000; ++i) {
    for (auto fault : {Fault::OtCheck, Fault::PprfCheck}) node.accusations->on_message(dispute_notice(statement(2, kCheat, fault), 2, 1), now);
    if (i > 2) i += 300;
  }
  EXPECT_TRUE(node.quarantine->entries().empty()) << "one accuser, however often";
  EXPECT_EQ(node.accusations->counters().too_many, 0U);
}

}  // namespace
}  // namespace quorate::signerd
