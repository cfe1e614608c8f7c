#include "protocol/tecdsa/pair_setup.h"

#include <algorithm>

#include "protocol/base/ct.h"
#include "protocol/ot/pprf.h"

namespace quorate {
namespace {

constexpr std::size_t kSeedSize = 32;

Blame dispute(const SetupContext& context) { return Blame::pair(context.me, context.peer); }

/// Everything in which I am the base-OT sender: the later extension's receiver, Bob.
Binding as_bob(const SetupContext& context) { return context.binding.towards(context.me, context.peer); }
/// Everything in which I am the base-OT receiver: the later extension's sender, Alice.
Binding as_alice(const SetupContext& context) { return context.binding.towards(context.peer, context.me); }

/// SPEC 2.0: over the open sid (in the binding) and what both sides brought, the lower id's first.
SetupId setup_id(const SetupContext& context, const ot::SetupMsg1& mine, const ot::SetupMsg1& theirs) {
  const bool first = context.me < context.peer;
  const auto& low = first ? mine : theirs;
  const auto& high = first ? theirs : mine;
  Transcript transcript(Label::SetupId, context.binding.towards(std::min(context.me, context.peer),
                                                                std::max(context.me, context.peer)));
  transcript.add_number(ot::kTreeDepth).add(low.nonce).add(high.nonce).add(low.dh).add(high.dh);
  return SetupId{std::move(transcript).digest().bytes};
}

/// SPEC 2.3: the same 32 bytes on both sides.
SecretBytes zero_seed(const SetupContext& context, const SecretScalar& x, const Point& theirs) {
  // encode() would show how many zero bytes the coordinates begin with; encode_all() computes with them.
  const Point product = theirs.mul(x);
  auto shared = std::move(Point::encode_all({&product, 1}).front());
  ct::poison(shared.data(), shared.size());
  Transcript transcript(Label::SetupZeroSeed, context.binding.towards(std::min(context.me, context.peer),
                                                                      std::max(context.me, context.peer)));
  transcript.add(ByteView(shared));
  ct::wipe(shared.data(), shared.size());
  return std::move(transcript).expand_secret(kSeedSize);
}

}  // namespace

SetupRound1::SetupRound1(SetupContext context, SecretScalar x, ot::SetupMsg1 mine)
    : context_(context), x_(std::move(x)), mine_(std::move(mine)) {}

Result<SetupSent<SetupRound1, ot::SetupMsg1>, Abort> SetupRound1::start(const Curve& curve,
                                                                        const Binding& binding,
                                                                        const SessionId& open_sid, PartyId me,
                                                                        PartyId peer, Rng& rng) {
  const auto in_range = [](PartyId id) { return id != kNobody && id <= kMaxParties; };
  if (!in_range(me) || !in_range(peer) || me == peer)
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "pair set-up: bad ids"});
  if (binding.curve != curve.id())
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "pair set-up: binding of another curve"});

  SetupContext context{.curve = &curve, .binding = {}, .me = me, .peer = peer};
  context.binding = {.curve = binding.curve, .key = binding.key, .epoch = binding.epoch, .sid = open_sid};
  auto x = SecretScalar::random_nonzero(curve, rng);
  ot::SetupMsg1 message{.nonce = rng.make_id<Digest>(), .dh = Point::mul_base(x)};
  ct::unpoison(message.nonce.bytes.data(), message.nonce.bytes.size());  // sent
  return SetupSent<SetupRound1, ot::SetupMsg1>{SetupRound1(context, std::move(x), message), message};
}

Result<SetupSent<SetupRound2, ot::SetupMsg2>, Abort> SetupRound1::next(const ot::SetupMsg1& theirs,
                                                                       Rng& rng) && {
  SetupRound1 self = std::move(*this);
  auto& context = self.context_;
  if (!theirs.dh.valid() || &theirs.dh.curve() != context.curve)
    return fail(Abort{Fault::Malformed, dispute(context), "pair set-up: dh of another curve"});
  if (theirs.dh.is_infinity())
    return fail(Abort{Fault::Infinity, dispute(context), "pair set-up: dh at infinity"});
  // Nobody draws our 32 bytes by chance: a mirror, or two hosts with one state of the random generator.
  if (theirs.nonce == self.mine_.nonce)
    return fail(Abort{Fault::Malformed, dispute(context), "pair set-up: our own nonce came back"});

  context.binding.sid = SessionId{setup_id(context, self.mine_, theirs).bytes};
  auto seed = zero_seed(context, self.x_, theirs.dh);
  Secret<ot::Block> nabla;
  rng.fill(nabla.reveal());
  auto [r, receiver] = ot::BaseOtReceiver::choose(*context.curve, as_alice(context),
                                                  ot::pprf_choices<ot::kTreeDepth>(nabla), rng);
  return SetupSent<SetupRound2, ot::SetupMsg2>{
      SetupRound2(context, std::move(nabla), std::move(receiver), std::move(seed)), {.r = std::move(r)}};
}

SetupRound2::SetupRound2(SetupContext context, Secret<ot::Block> nabla, ot::BaseOtReceiver receiver,
                         SecretBytes zero_seed)
    : context_(context),
      nabla_(std::move(nabla)),
      receiver_(std::move(receiver)),
      zero_seed_(std::move(zero_seed)) {}

SetupId SetupRound2::id() const { return SetupId{context_.binding.sid.bytes}; }

Result<SetupSent<SetupRound3, ot::SetupMsg3>, Abort> SetupRound2::next(const ot::SetupMsg2& theirs,
                                                                       Rng& rng) && {
  SetupRound2 self = std::move(*this);
  const auto binding = as_bob(self.context_);
  auto sent = ot::base_ot_send(*self.context_.curve, binding, theirs.r, rng);
  if (!sent) return fail(std::move(sent).error());
  auto trees = ot::pprf_send<ot::kTreeDepth>(binding, sent->keys);
  ot::SetupMsg3 message{.b = std::move(sent->b),
                        .t = std::move(trees.message.t),
                        .check_sum = std::move(trees.message.check_sum),
                        .check_root = std::move(trees.message.check_root)};
  return SetupSent<SetupRound3, ot::SetupMsg3>{
      SetupRound3(self.context_, std::move(self.nabla_), std::move(self.receiver_),
                  std::move(self.zero_seed_), std::move(trees.leaves)),
      std::move(message)};
}

SetupRound3::SetupRound3(SetupContext context, Secret<ot::Block> nabla, ot::BaseOtReceiver receiver,
                         SecretBytes zero_seed, SecretVector<ot::Block> leaves)
    : context_(context),
      nabla_(std::move(nabla)),
      receiver_(std::move(receiver)),
      zero_seed_(std::move(zero_seed)),
      leaves_(std::move(leaves)) {}

Result<ot::PairState, Abort> SetupRound3::next(const ot::SetupMsg3& theirs) && {
  SetupRound3 self = std::move(*this);
  auto keys = std::move(self.receiver_).keys(theirs.b);
  if (!keys) return fail(std::move(keys).error());
  auto leaves = ot::pprf_receive<ot::kTreeDepth>(
      as_alice(self.context_), self.nabla_, *keys,
      {.t = theirs.t, .check_sum = theirs.check_sum, .check_root = theirs.check_root});
  if (!leaves) return fail(std::move(leaves).error());

  ot::PairState state;
  state.id = SetupId{self.context_.binding.sid.bytes};
  state.me = self.context_.me;
  state.peer = self.context_.peer;
  state.as_receiver.leaves = std::move(self.leaves_);
  state.as_sender.leaves = std::move(*leaves);
  state.as_sender.nabla = std::move(self.nabla_);
  state.zero_seed = std::move(self.zero_seed_);
  return state;
}

}  // namespace quorate
