// SPEC 5.4: "a rushing signer can always make the sums of round 4 come out". It lies about u, so that its own k and
// chi are useless, waits for the rows of all others and takes for its own points what is left of G and X. Everybody
// pools the batch. It cannot open its points, and is caught at its first partial.
#include <set>

#include "protocol/tecdsa/presign.h"
#include "protocol/net/system_rng.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/presign_codec.h"
#include "protocol/wire/record_codec.h"
#include "test/system/faulty/lies.h"

namespace quorate::faulty {

using wire::Envelope;
using wire::MessageType;

namespace {

class ForgedBatch final : public Lie {
 public:
  ForgedBatch(PartyId me, const IdentityKey& identity) : me_(me), identity_(identity) {}

  void incoming(const Envelope& envelope, const Memory& memory) override {
    const Run* run = forged_run(envelope, memory);
    if (run == nullptr) return;
    Forged& forged = batches_[envelope.sid];
    switch (envelope.type) {
      case MessageType::PresignRound2: return keep(forged.second, envelope, *run);
      case MessageType::PresignRound3: return keep(forged.third, envelope, *run);
      case MessageType::PresignRound4: return keep(forged.fourth, envelope, *run);
      default: return;
    }
  }

  void outgoing(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) override {
    if (envelope.type == MessageType::Refusal) return refusal(envelope, memory, pass);
    const Run* run = forged_run(envelope, memory);
    if (run == nullptr) return pass(envelope);
    Forged& forged = batches_[envelope.sid];
    switch (envelope.type) {
      case MessageType::PresignRound2:
        keep(forged.second, envelope, *run);
        return pass(envelope);
      case MessageType::PresignRound3: {
        auto message = wire::decode<PresignMsg3>(envelope.payload, *run->curve);
        if (!message) return pass(envelope);
        for (auto& u : message->u) u = u + Scalar(*run->curve, 1);
        const Envelope changed{envelope.type, envelope.sid, envelope.from, envelope.to, wire::encode(*message)};
        keep(forged.third, changed, *run);
        return pass(changed);
      }
      case MessageType::PresignRound4: return;  // ours comes when all others have shown theirs
      case MessageType::PresignAbort: {
        // Our own part of the program has noticed that the others have another u.
        if (forged.points.empty() && !forge(*run, forged)) return pass(envelope);
        pass({MessageType::PresignRound4, envelope.sid, me_, envelope.to, wire::encode(forged.message)});
        if (envelope.to == leader_of(run->plan.epoch, run->plan.quorum))
          pass({MessageType::PresignPooled, envelope.sid, me_, envelope.to, wire::encode(wire::PresignPooled{})});
        return;
      }
      default: return pass(envelope);
    }
  }

 private:
  struct Points {
    Bytes R;
    Scalar r;
    std::vector<Bytes> K, C;  ///< of all members
  };
  struct Forged {
    std::map<PartyId, PresignMsg2> second;
    std::map<PartyId, PresignMsg3> third;
    std::map<PartyId, PresignMsg4> fourth;
    PresignMsg4 message;
    std::vector<Points> points;  ///< one per instance, once the sums were made to hold
    std::map<std::uint32_t, Scalar> answered;
  };

  /// A batch of another leader: what we lead ourselves our own pool would have to have.
  const Run* forged_run(const Envelope& envelope, const Memory& memory) const {
    const Run* run = memory.run(envelope.sid);
    const bool ours = run != nullptr && run->lied_about && leader_of(run->plan.epoch, run->plan.quorum) != me_;
    return ours ? run : nullptr;
  }

  template <class T>
  static void keep(std::map<PartyId, T>& messages, const Envelope& envelope, const Run& run) {
    if (auto message = wire::decode<T>(envelope.payload, *run.curve))
      messages.insert_or_assign(envelope.from, std::move(message).value());
  }

  bool forge(const Run& run, Forged& forged) const {
    const Quorum& quorum = run.plan.quorum;
    if (forged.second.size() != quorum.size() || forged.third.size() != quorum.size() ||
        forged.fourth.size() + 1 != quorum.size())
      return false;
    const Curve& curve = *run.curve;
    Transcript u_all(Label::PresignUDigest, run.binding());
    for (std::uint32_t b = 0; b < run.plan.batch; ++b)
      for (const auto id : quorum) u_all.add(forged.third.at(id).u.at(b));
    PresignMsg4 mine;
    mine.row.signer = me_;
    mine.row.nonce_digest = forged.fourth.begin()->second.row.nonce_digest;
    mine.row.u_digest = std::move(u_all).digest();
    std::vector<Bytes> R;
    for (std::uint32_t b = 0; b < run.plan.batch; ++b) {
      Point nonce(curve), X(curve), K = Point::generator(curve), C(curve);
      for (const auto& [id, message] : forged.second) {
        nonce += message.instances.at(b).R;
        X += message.instances.at(b).pk;
      }
      C = X;
      for (const auto& [id, message] : forged.fourth) {
        K += message.K.at(b).negate();
        C += message.C.at(b).negate();
      }
      mine.K.push_back(K);
      mine.C.push_back(C);
      R.push_back(nonce.encode());
      forged.points.push_back({R.back(), nonce.x_mod_order(), {}, {}});
      for (const auto id : quorum) {
        forged.points.back().K.push_back((id == me_ ? K : forged.fourth.at(id).K.at(b)).encode());
        forged.points.back().C.push_back((id == me_ ? C : forged.fourth.at(id).C.at(b)).encode());
      }
    }
    sign_row(mine, run, R, me_, identity_);
    forged.message = std::move(mine);
    return true;
  }

  /// Our own part of the program does not know the presignature. We answer all the same.
  void refusal(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) {
    const auto* sign = memory.sign_request(envelope.sid);
    const auto* confirm = memory.confirm_request(envelope.sid);
    if (sign == nullptr && confirm == nullptr) return pass(envelope);
    const PresignatureId& id = sign != nullptr ? sign->presignature : confirm->presignature;
    const Run* run = memory.run(id.sid);
    const auto batch = batches_.find(id.sid);
    if (run == nullptr || batch == batches_.end() || id.index >= batch->second.points.size()) return pass(envelope);
    const Points& points = batch->second.points[id.index];
    net::SystemRng rng;
    const Scalar s = batch->second.answered.try_emplace(id.index, Scalar::random(*run->curve, rng)).first->second;
    const std::vector<ByteView> K(points.K.begin(), points.K.end()), C(points.C.begin(), points.C.end());
    const Digest record = record_digest(run->binding(), id.index, points.R, K, C);
    if (sign != nullptr)
      return pass({MessageType::SignReply, envelope.sid, envelope.from, envelope.to,
                   wire::encode(wire::SignReply{id, points.r, record, s, {}})});
    wire::ConfirmReply reply{s, record, {}};
    sign_confirmation(reply, *confirm, *run->curve, me_, identity_);
    pass({MessageType::ConfirmReply, envelope.sid, envelope.from, envelope.to, wire::encode(reply)});
  }

  PartyId me_;
  const IdentityKey& identity_;
  std::map<SessionId, Forged> batches_;  ///< as many as are lied about: few, for then the quorum is put aside
};

}  // namespace

std::unique_ptr<Lie> make_forged_batch(PartyId me, const IdentityKey& identity) {
  return std::make_unique<ForgedBatch>(me, identity);
}

}  // namespace quorate::faulty
