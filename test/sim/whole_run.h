#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/session/keygen_machine.h"
#include "protocol/session/presign_machine.h"
#include "protocol/session/setup_machine.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online_codec.h"
#include "test/sim/seeded_rng.h"

namespace quorate::sim {

/// Signers 1..N from nothing to a signature, over the bytes that daemons exchange: every step is a machine of
/// session/, every message is delivered in the order of sending, and the tap sees each of them. With the same
/// randomness every run sends the same bytes. Header only: whoever includes it links session_dep and sim_dep.
class WholeRun {
 public:
  /// The secret randomness of one party in one run of one protocol, such as "keygen at 2".
  using Randomness = std::function<std::unique_ptr<Rng>(const std::string& stream)>;
  using Tap = std::function<void(const wire::Envelope&)>;
  using Done = Result<void, Abort>;

  /// seed: of what is public from the start, such as the ceremony id.
  WholeRun(const Curve& curve, std::size_t n, std::size_t t, std::uint64_t seed, Randomness randomness,
           Tap tap)
      : curve_(curve), public_(seed, "public"), randomness_(std::move(randomness)), tap_(std::move(tap)) {
    terms_ = {public_.make_id<CeremonyId>(), &curve, t, "key", public_.make_id<Digest>(), {}, {}};
    for (PartyId id = 1; id <= n; ++id) {
      const auto rng = randomness_("identity of " + std::to_string(id));
      identities_.emplace(id, IdentityKey::generate(*rng));
      terms_.members.push_back({id, identities_.at(id).public_key()});
    }
  }

  Done keygen() {
    Seats seats;
    for (const auto& [id, identity] : identities_)
      seat(seats, "keygen", id, std::make_unique<session::KeygenMachine>(terms_, id, identity));
    if (auto ended = deliver(seats); !ended) return ended;
    for (const auto& [id, identity] : identities_)
      shares_.emplace(id, machine<session::KeygenMachine>(seats, id).take_result());
    return {};
  }

  /// New shares for all; what was set up and presigned for the old ones is dropped.
  Done refresh() {
    auto old = std::exchange(shares_, {});
    const auto terms = refresh_terms(old.begin()->second.info, public_.make_id<CeremonyId>(), terms_.group);
    Seats seats;
    for (auto& [id, share] : old)
      seat(seats, "refresh", id,
           std::make_unique<session::KeygenMachine>(terms, id, identities_.at(id),
                                                    std::make_shared<const KeyShare>(std::move(share))));
    if (auto ended = deliver(seats); !ended) return ended;
    for (const auto& [id, identity] : identities_)
      shares_.emplace(id, machine<session::KeygenMachine>(seats, id).take_result());
    pairs_.clear();
    batches_.clear();
    return {};
  }
  [[nodiscard]] SecretScalar share_of(PartyId id) const { return shares_.at(id).x_i + SecretScalar(curve_); }
  /// Puts another scalar in the place of a member's share.
  void set_share(PartyId id, SecretScalar x_i) { shares_.at(id).x_i = std::move(x_i); }

  Done setup(PartyId a, PartyId b) {
    Seats seats;
    const auto sid = public_.make_id<SessionId>();
    for (const auto& [me, peer] : {std::pair{a, b}, std::pair{b, a}})
      seat(seats, "set-up with " + std::to_string(peer), me,
           std::make_unique<session::SetupMachine>(curve_, info().key, info().epoch, sid, me, peer));
    if (auto ended = deliver(seats); !ended) return ended;
    for (const auto& [me, peer] : {std::pair{a, b}, std::pair{b, a}})
      pairs_[me].emplace(peer, machine<session::SetupMachine>(seats, me).take_result());
    return {};
  }

  /// One batch; the set-ups of all pairs of the quorum have been made.
  Done presign(const Quorum& quorum, std::uint32_t size) {
    PresignPlan plan{
        curve_.id(), info().key, info().epoch, quorum, size, ot::kTreeDepth, 1, public_.make_id<Digest>(),
        {}};
    for (std::size_t i = 0; i < quorum.size(); ++i)
      for (std::size_t j = i + 1; j < quorum.size(); ++j)
        plan.setups.push_back(pairs_[quorum[i]].at(quorum[j]).id);
    Seats seats;
    for (const auto id : quorum) {
      PresignInputs inputs{&shares_.at(id), &identities_.at(id), {}, plan};
      for (const auto peer : quorum)
        if (peer != id) inputs.pairs[peer] = &pairs_[id].at(peer);
      seat(seats, "presigning", id, std::make_unique<session::PresignMachine>(std::move(inputs)));
    }
    if (auto ended = deliver(seats); !ended) return ended;
    for (const auto id : quorum)
      batches_.insert_or_assign(id, machine<session::PresignMachine>(seats, id).take_result());
    return {};
  }

  /// One signature with presignature `index` of the batch: the content to every member, a partial back.
  Result<EcdsaSignature, Abort> sign(std::uint32_t index, const Bytes& content) {
    const auto algorithm = curve_.id() == CurveId::P384 ? MessageDigest::Sha384 : MessageDigest::Sha256;
    const Scalar m = message_scalar(curve_, algorithm, content);
    const auto request_id = public_.make_id<SessionId>();
    const auto& plan = batches_.begin()->second.record->plan();
    const PresignatureId presignature{plan.sid(), index};
    const wire::SignRequest request{presignature,
                                    plan.quorum,
                                    plan.key,
                                    plan.epoch,
                                    wire::Context::Tls13ServerCertificateVerify,
                                    static_cast<wire::DigestAlgorithm>(algorithm),
                                    content,
                                    1000,
                                    0,
                                    {}};
    Scalar r;
    std::vector<Scalar> partials;
    for (auto& [id, batch] : batches_) {
      tap_({wire::MessageType::SignRequest, request_id, kNobody, id, wire::encode(request)});
      r = batch.items[index].r;
      const auto record = batch.items[index].record;
      partials.push_back(partial_sign(std::move(batch.items[index]), m));
      tap_({wire::MessageType::SignReply, request_id, id, kNobody,
            wire::encode(wire::SignReply{presignature, r, record, partials.back(), {}})});
    }
    return combine(VerificationKey(info().X), m, r, partials);
  }

  [[nodiscard]] const PublicKeyInfo& info() const { return shares_.begin()->second.info; }

 private:
  struct Seat {
    std::unique_ptr<Rng> rng;
    std::unique_ptr<session::Machine> machine;
    bool done = false;
  };
  using Seats = std::map<PartyId, Seat>;

  void seat(Seats& seats, const std::string& run, PartyId id, std::unique_ptr<session::Machine> machine) {
    seats.emplace(id, Seat{randomness_(run + " at " + std::to_string(id)), std::move(machine), false});
  }
  template <class Machine>
  static Machine& machine(Seats& seats, PartyId id) {
    return static_cast<Machine&>(*seats.at(id).machine);
  }

  Done deliver(Seats& seats) {
    std::deque<wire::Envelope> under_way;
    std::optional<Abort> abort;
    const auto take = [&](Seat& at, session::Step step) {
      for (auto& envelope : step.out) {
        tap_(envelope);
        under_way.push_back(std::move(envelope));
      }
      at.done |= step.done;
      if (step.abort) abort = std::move(step.abort);
    };
    for (auto& [id, at] : seats) take(at, at.machine->start(*at.rng));
    while (!under_way.empty() && !abort) {
      const wire::Envelope envelope = std::move(under_way.front());
      under_way.pop_front();
      auto& at = seats.at(envelope.to);
      take(at, at.machine->on_message(envelope, *at.rng));
    }
    for (const auto& [id, at] : seats)
      if (!abort && !at.done) abort = Abort{Fault::TimedOut, Blame::nobody(), "a machine was left waiting"};
    if (abort) return fail(std::move(*abort));
    return {};
  }

  const Curve& curve_;
  SeededRng public_;
  Randomness randomness_;
  Tap tap_;
  KeygenTerms terms_;
  std::map<PartyId, IdentityKey> identities_;
  std::map<PartyId, KeyShare> shares_;
  std::map<PartyId, std::map<PartyId, ot::PairState>> pairs_;
  std::map<PartyId, PresignedBatch> batches_;
};

}  // namespace quorate::sim
