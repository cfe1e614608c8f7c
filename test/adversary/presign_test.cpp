// Every field of every presigning message, changed by signer 1 on its way to signer 2: what signer 2
// reports, whom it blames, and that it gets no presignature. SPEC 5 and 9.
#include "test/unit/presign_fixture.h"

namespace quorate {
namespace {

struct Attack {
  const char* name;
  std::function<void(PresignLockstep&)> plant;
  Fault fault;
  Blame blame;
};

const Blame kDispute = Blame::pair(2, 1);

template <class Msg, class Change>
PresignLockstep::Tap<Msg> on_1_to_2(Change change) {
  return [change](PartyId from, PartyId to, Msg& message) {
    if (from == 1 && to == 2) change(message);
  };
}
Attack change1(const char* name, std::function<void(PresignMsg1&)> change, Fault fault, Blame blame) {
  return {name, [change](auto& run) { run.tap1 = on_1_to_2<PresignMsg1>(change); }, fault, blame};
}
Attack change2(const char* name, std::function<void(PresignMsg2&)> change, Fault fault, Blame blame) {
  return {name, [change](auto& run) { run.tap2 = on_1_to_2<PresignMsg2>(change); }, fault, blame};
}
Attack change3(const char* name, std::function<void(PresignMsg3&)> change, Fault fault, Blame blame) {
  return {name, [change](auto& run) { run.tap3 = on_1_to_2<PresignMsg3>(change); }, fault, blame};
}
Attack change4(const char* name, std::function<void(PresignMsg4&)> change, Fault fault, Blame blame) {
  return {name, [change](auto& run) { run.tap4 = on_1_to_2<PresignMsg4>(change); }, fault, blame};
}

Point other_point(const Point& p) { return p + Point::generator(p.curve()); }
Scalar other_scalar(const Scalar& s) { return s + Scalar(s.curve(), 1); }

std::vector<Attack> attacks() {
  return {
      change1("commitment", [](auto& m) { m.commitment.bytes[5] ^= 1; }, Fault::EchoMismatch, Blame::quorum()),
      change1("extension_u_all_rows",
              [](auto& m) {
                for (std::size_t i = 0; i < m.extension.u.size(); i += m.extension.u.size() / ot::kTrees)
                  m.extension.u[i] ^= 1;
              },
              Fault::OtCheck, kDispute),
      change1("extension_u_short", [](auto& m) { m.extension.u.pop_back(); }, Fault::Malformed, kDispute),
      change1("extension_u_long", [](auto& m) { m.extension.u.push_back(0); }, Fault::Malformed, kDispute),
      change1("extension_u_empty", [](auto& m) { m.extension.u.clear(); }, Fault::Malformed, kDispute),
      change1("extension_x", [](auto& m) { m.extension.x_tilde[15] ^= 0x80; }, Fault::OtCheck, kDispute),
      change1("extension_t_first", [](auto& m) { m.extension.t_tilde[0][0] ^= 1; }, Fault::OtCheck, kDispute),
      change1("extension_t_last", [](auto& m) { m.extension.t_tilde[127][15] ^= 1; }, Fault::OtCheck, kDispute),

      change2("echo", [](auto& m) { m.echo.bytes[31] ^= 1; }, Fault::EchoMismatch, Blame::quorum()),
      change2("opening", [](auto& m) { m.opening[0] ^= 1; }, Fault::CommitmentMismatch, kDispute),
      change2("instances_missing", [](auto& m) { m.instances.pop_back(); }, Fault::Malformed, kDispute),
      change2("instances_none", [](auto& m) { m.instances.clear(); }, Fault::Malformed, kDispute),
      change2("R", [](auto& m) { m.instances[1].R = other_point(m.instances[1].R); }, Fault::GammaCheck, kDispute),
      change2("pk", [](auto& m) { m.instances[1].pk = other_point(m.instances[1].pk); }, Fault::GammaCheck, kDispute),
      change2("gamma_u", [](auto& m) { m.instances[0].gamma_u = other_point(m.instances[0].gamma_u); },
              Fault::GammaCheck, kDispute),
      change2("gamma_v", [](auto& m) { m.instances[0].gamma_v = other_point(m.instances[0].gamma_v); },
              Fault::GammaCheck, kDispute),
      // Errors that would cancel if two equations had the same weight.
      change2("gamma_u_of_two_instances",
              [](auto& m) {
                m.instances[0].gamma_u = other_point(m.instances[0].gamma_u);
                m.instances[1].gamma_u = m.instances[1].gamma_u - Point::generator(Curve::p256());
              },
              Fault::GammaCheck, kDispute),
      change2("gamma_u_and_gamma_v",
              [](auto& m) {
                m.instances[1].gamma_u = other_point(m.instances[1].gamma_u);
                m.instances[1].gamma_v = m.instances[1].gamma_v - Point::generator(Curve::p256());
              },
              Fault::GammaCheck, kDispute),
      change2("rvole_eta", [](auto& m) { m.instances[1].rvole.eta = other_scalar(m.instances[1].rvole.eta); },
              Fault::RvoleCheck, kDispute),
      change2("rvole_mu", [](auto& m) { m.instances[1].rvole.mu.bytes[9] ^= 4; }, Fault::RvoleCheck, kDispute),
      change2("rvole_a_every_ot",
              [](auto& m) {
                auto& a = m.instances[0].rvole.a_tilde;
                for (std::size_t i = 31; i < a.size(); i += 96) a[i] ^= 1;
              },
              Fault::RvoleCheck, kDispute),
      change2("rvole_a_short", [](auto& m) { m.instances[0].rvole.a_tilde.pop_back(); }, Fault::Malformed, kDispute),
      change2("rvole_a_not_below_n",
              [](auto& m) { std::fill_n(m.instances[0].rvole.a_tilde.begin(), 32, std::uint8_t{0xff}); },
              Fault::Malformed, kDispute),
      change2("instances_swapped", [](auto& m) { std::swap(m.instances[0], m.instances[1]); }, Fault::RvoleCheck,
              kDispute),
      change2("psi", [](auto& m) { m.instances[1].psi = other_scalar(m.instances[1].psi); }, Fault::RowSum,
              Blame::quorum()),

      change3("echo", [](auto& m) { m.echo.bytes[0] ^= 1; }, Fault::EchoMismatch, Blame::quorum()),
      change3("u", [](auto& m) { m.u[1] = other_scalar(m.u[1]); }, Fault::RowMismatch, Blame::quorum()),
      change3("u_missing", [](auto& m) { m.u.pop_back(); }, Fault::Malformed, Blame::quorum()),
      change3("u_extra", [](auto& m) { m.u.push_back(m.u[0]); }, Fault::Malformed, Blame::quorum()),

      change4("K", [](auto& m) { m.K[0] = other_point(m.K[0]); }, Fault::RowMismatch, Blame::quorum()),
      change4("C", [](auto& m) { m.C[1] = other_point(m.C[1]); }, Fault::RowMismatch, Blame::quorum()),
      change4("K_missing", [](auto& m) { m.K.pop_back(); }, Fault::Malformed, Blame::quorum()),
      change4("C_missing", [](auto& m) { m.C.pop_back(); }, Fault::Malformed, Blame::quorum()),
      change4("row_signer", [](auto& m) { m.row.signer = 3; }, Fault::Malformed, Blame::quorum()),
      change4("row_nonce_digest", [](auto& m) { m.row.nonce_digest.bytes[0] ^= 1; }, Fault::RowMismatch,
              Blame::quorum()),
      change4("row_u_digest", [](auto& m) { m.row.u_digest.bytes[0] ^= 1; }, Fault::RowMismatch, Blame::quorum()),
      change4("row_entry", [](auto& m) { m.row.records[1].bytes[0] ^= 1; }, Fault::BadSignature, Blame::quorum()),
      change4("row_entries_missing", [](auto& m) { m.row.records.pop_back(); }, Fault::Malformed, Blame::quorum()),
      change4("row_signature", [](auto& m) { m.row.signature[63] ^= 1; }, Fault::BadSignature, Blame::quorum()),
  };
}

TEST(PresignAdversary, every_changed_field_is_found_and_blamed_as_documented) {
  for (const auto& attack : attacks()) {
    SCOPED_TRACE(attack.name);
    PresignLockstep run(Curve::p256(), 3, {1, 2}, 2, 42);
    attack.plant(run);
    auto ended = run.run();
    ASSERT_TRUE(ended.contains(2));
    const auto& victim = ended.at(2);
    ASSERT_FALSE(victim) << "signer 2 was deceived";
    EXPECT_EQ(name(victim.error().fault), name(attack.fault)) << victim.error().what();
    EXPECT_EQ(victim.error().blame, attack.blame) << victim.error().what();
  }
}

/// Errors that cancel under the weights of a seed of zeros: the seed is drawn, not left as it was made.
TEST(PresignAdversary, the_weights_of_the_gamma_checks_cannot_be_guessed) {
  const Curve& curve = Curve::p256();
  PresignLockstep run(curve, 3, {1, 2}, 1, 48);
  run.tap2 = on_1_to_2<PresignMsg2>([&](PresignMsg2& m) {
    Transcript t(Label::GammaWeights, presign_binding(run.plan(), run.plan().sid()).towards(1, 2));
    t.add(std::array<std::uint8_t, 32>{});
    const Bytes weights = std::move(t).expand(32);
    const Scalar first = Scalar::reduce(curve, ByteView(weights).first(16)),
                 second = Scalar::reduce(curve, ByteView(weights).last(16));
    m.instances[0].gamma_u += Point::mul_base(second);
    m.instances[0].gamma_v += Point::mul_base(first).negate();
  });
  auto ended = run.run();
  ASSERT_FALSE(ended.at(2));
  EXPECT_EQ(ended.at(2).error().fault, Fault::GammaCheck);
  EXPECT_EQ(ended.at(2).error().blame, kDispute);
}

/// A cheat that keeps its own messages consistent: a false K under a row that it signs again.
TEST(PresignAdversary, a_false_but_signed_K_breaks_the_sum) {
  PresignLockstep honest(Curve::p256(), 3, {1, 2}, 2, 43);
  const Point R = honest.run().at(1)->record->record(0)->R;  // the same seed gives the same R below
  PresignLockstep run(Curve::p256(), 3, {1, 2}, 2, 43);
  run.tap4 = on_1_to_2<PresignMsg4>([&](PresignMsg4& m) {
    const Binding binding = presign_binding(run.plan(), run.plan().sid());
    m.K[0] = other_point(m.K[0]);
    m.row.records[0] = row_entry(binding, 1, 0, R.encode(), m.K[0].encode(), m.C[0].encode());
    m.row.signature = run.group().identities.at(1).sign(row_digest(binding, run.plan().quorum, m.row));
  });
  auto ended = run.run();
  ASSERT_FALSE(ended.at(2));
  EXPECT_EQ(ended.at(2).error().fault, Fault::RowSum);
  EXPECT_EQ(ended.at(2).error().blame, Blame::quorum());
}

/// A member that works with another key share than its own: the pk do not add up.
TEST(PresignAdversary, a_wrong_share_is_found_by_the_sum_of_pk) {
  PresignLockstep run(Curve::p256(), 3, {1, 2}, 1, 44);
  auto& share = const_cast<sim::DealtGroup&>(run.group()).shares.at(1);
  share.x_i = share.x_i + Scalar(Curve::p256(), 1);
  auto ended = run.run();
  ASSERT_FALSE(ended.at(2));
  EXPECT_EQ(ended.at(2).error().fault, Fault::SumCheck);
  EXPECT_EQ(ended.at(2).error().blame, Blame::quorum());
}

/// Signer 1 tells 2 and 3 different things: nobody is named, the quorum is at fault.
TEST(PresignAdversary, equivocation_towards_one_of_three_is_found_by_the_echo) {
  {
    PresignLockstep run(Curve::p256(), 3, {1, 2, 3}, 1, 45);
    run.tap1 = on_1_to_2<PresignMsg1>([](auto& m) { m.commitment.bytes[0] ^= 1; });
    auto ended = run.run();
    for (PartyId id : Quorum{2, 3}) {
      ASSERT_FALSE(ended.at(id));
      EXPECT_EQ(ended.at(id).error().fault, Fault::EchoMismatch);
      EXPECT_EQ(ended.at(id).error().blame, Blame::quorum());
    }
  }
  {
    PresignLockstep run(Curve::p256(), 3, {1, 2, 3}, 1, 46);
    run.tap3 = on_1_to_2<PresignMsg3>([](auto& m) { m.u[0] = other_scalar(m.u[0]); });
    auto ended = run.run();
    for (PartyId id : Quorum{1, 2, 3}) {
      ASSERT_FALSE(ended.at(id)) << int(id);
      EXPECT_EQ(ended.at(id).error().blame, Blame::quorum());
    }
  }
}

/// A failed OT check sends nothing to anybody, also not to the third member (selective failure).
TEST(PresignAdversary, no_round_2_message_after_a_failed_ot_check) {
  PresignLockstep run(Curve::p256(), 3, {1, 2, 3}, 1, 47);
  run.tap1 = on_1_to_2<PresignMsg1>([](auto& m) { m.extension.x_tilde[0] ^= 1; });
  bool sent_by_2 = false;
  run.tap2 = [&](PartyId from, PartyId, PresignMsg2&) { sent_by_2 |= from == 2; };
  auto ended = run.run();
  EXPECT_EQ(ended.at(2).error().fault, Fault::OtCheck);
  EXPECT_FALSE(sent_by_2);
  EXPECT_EQ(ended.size(), 1U) << "the others wait, without a verdict";
}

/// Messages of another session do not pass: everything is bound to the sid.
TEST(PresignAdversary, a_message_of_another_batch_fails) {
  PresignLockstep first(Curve::p256(), 3, {1, 2}, 1, 48);
  PresignMsg2 stolen;
  first.tap2 = on_1_to_2<PresignMsg2>([&](PresignMsg2& m) { stolen = m; });
  ASSERT_TRUE(first.run().at(2));
  PresignLockstep second(Curve::p256(), 3, {1, 2}, 1, 48);
  second.plan().batch_number = 2;
  second.tap2 = on_1_to_2<PresignMsg2>([&](PresignMsg2& m) {
    const auto echo = m.echo;
    m = stolen;
    m.echo = echo;
  });
  auto ended = second.run();
  ASSERT_FALSE(ended.at(2));
  EXPECT_EQ(ended.at(2).error().fault, Fault::RvoleCheck);
}

TEST(PresignAdversary, records_with_any_changed_part_are_not_valid) {
  PresignLockstep run(Curve::p256(), 3, {1, 2}, 2, 49);
  auto ended = run.run();
  const auto good = *ended.at(1)->record->record(1);
  const auto& info = run.group().info();
  ASSERT_TRUE(record_valid(info, good));
  auto spoiled = [&](const std::function<void(PresignatureRecord&)>& change) {
    auto record = good;
    change(record);
    return !record_valid(info, record);
  };
  EXPECT_TRUE(spoiled([](auto& r) { r.id.index = 0; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.id.index = 9; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.id.sid.bytes[0] ^= 1; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.key.bytes[0] ^= 1; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.epoch.bytes[0] ^= 1; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.quorum = {1, 3}; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.R = other_point(r.R); }));
  EXPECT_TRUE(spoiled([](auto& r) { r.K[0] = other_point(r.K[0]); }));
  EXPECT_TRUE(spoiled([](auto& r) { r.C[1] = other_point(r.C[1]); }));
  EXPECT_TRUE(spoiled([](auto& r) { std::swap(r.K[0], r.K[1]); }));
  EXPECT_TRUE(spoiled([](auto& r) { r.rows.pop_back(); }));
  EXPECT_TRUE(spoiled([](auto& r) { std::swap(r.rows[0], r.rows[1]); }));
  EXPECT_TRUE(spoiled([](auto& r) { r.rows[1].signature[0] ^= 1; }));
  EXPECT_TRUE(spoiled([](auto& r) { r.rows[0].u_digest.bytes[0] ^= 1; }));
}

}  // namespace
}  // namespace quorate
