#pragma once

#include <functional>

#include "protocol/wire/envelope.h"

namespace quorate::signerd {

/// Stands between the parts of a signer and its links. signerd passes an empty one, and nothing that its
/// configuration or environment says can fill it; test/system/faulty_signerd.cpp fills it to lie, so that tests see
/// what honest peers and front ends make of that. Called on the thread that runs the server.
struct Interposer {
  using Pass = std::function<void(const wire::Envelope&)>;
  /// In place of sending a message to a peer, or (`envelope.to` is nobody) the answer to a front end. `pass` sends
  /// one; it is good for the length of the call.
  std::function<void(const wire::Envelope& envelope, const Pass& pass)> outgoing;
  /// Hears of every message before the signer does.
  std::function<void(const wire::Envelope& envelope)> incoming;
  /// What the hello says.
  std::uint8_t min_version = wire::kWireVersion, max_version = wire::kWireVersion;
};

}  // namespace quorate::signerd
