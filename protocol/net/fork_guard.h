#pragma once

namespace quorate::net::fork_guard {

/// Registers a socket that a forked child must not keep: it is closed there by a fork handler, at once,
/// before the child can do anything. The parent's connection is not touched. At most 1024 at a time; more
/// stay open in the child, which harms nothing but delays what the peer sees if the parent dies.
void add(int fd);
/// Before the socket is closed.
void remove(int fd);

}  // namespace quorate::net::fork_guard
