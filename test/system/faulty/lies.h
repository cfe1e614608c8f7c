#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/tecdsa/presignature.h"
#include "protocol/wire/online.h"
#include "protocol/wire/record.h"
#include "signerd/interposer.h"

namespace quorate::faulty {

using signerd::Interposer;

/// A batch that this signer takes part in, as far as lies about it need to know.
struct Run {
  PresignPlan plan;
  SessionId sid;
  const Curve* curve = nullptr;
  bool lied_about = false;  ///< it began when lies had begun

  [[nodiscard]] Binding binding() const { return presign_binding(plan, sid); }
};

/// The runs and requests of the last while; the oldest are forgotten.
class Memory {
 public:
  /// Learns from a message in either direction; `lying` is kept with runs that begin.
  void note(const wire::Envelope& envelope, bool lying);

  [[nodiscard]] const Run* run(const SessionId& sid) const;
  [[nodiscard]] const wire::SignRequest* sign_request(const SessionId& request) const;
  [[nodiscard]] const wire::ConfirmRequest* confirm_request(const SessionId& request) const;

 private:
  std::map<SessionId, Run> runs_;
  std::map<SessionId, wire::SignRequest> signs_;
  std::map<SessionId, wire::ConfirmRequest> confirms_;
};

/// One way to lie. Only messages that leave while the signer lies come here, those of batches only if the whole
/// batch did.
class Lie {
 public:
  Lie() = default;
  Lie(const Lie&) = delete;
  Lie& operator=(const Lie&) = delete;
  virtual ~Lie() = default;
  virtual void incoming(const wire::Envelope&, const Memory&) {}
  virtual void outgoing(const wire::Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) = 0;
};

/// "wrong-partial" and so on; nullptr for a name that is none. `me` and `identity` outlive the lie.
std::unique_ptr<Lie> make_lie(std::string_view name, PartyId me, const IdentityKey& identity);
/// All names, for a text.
std::string lie_names();

/// The signature under a confirmed partial, as an honest signer makes it (SPEC 6.4), over whatever is in `reply`.
void sign_confirmation(wire::ConfirmReply& reply, const wire::ConfirmRequest& request, const Curve& curve, PartyId me,
                       const IdentityKey& identity);
/// A row of round 4 for these points; nonce and u digests are taken over from `row`.
void sign_row(PresignMsg4& message, const Run& run, const std::vector<Bytes>& R, PartyId me, const IdentityKey& identity);

/// SPEC 5.4: lets the sums of round 4 hold though it cannot open its points.
std::unique_ptr<Lie> make_forged_batch(PartyId me, const IdentityKey& identity);

}  // namespace quorate::faulty
