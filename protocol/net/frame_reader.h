#pragma once

#include "protocol/wire/frame.h"

namespace quorate::net {

/// Cuts a stream into frames. The caller reads into room() and reports with commit() how much it got.
/// A header is judged before anything is allocated for its payload, and the payload's memory grows with
/// what has really arrived, so that a peer that only announces megabytes occupies 64 KiB.
class FrameReader {
 public:
  enum class Event : std::uint8_t {
    More,    ///< go on reading
    Header,  ///< header() is valid, its payload follows (or is empty: then commit(0) gives Frame)
    Frame,   ///< take() has a whole frame
    Bad,     ///< error() says why; the stream cannot be used any more
  };

  /// Where the next bytes go; empty only after Bad, and after Header of a frame without payload.
  MutableByteView room();
  Event commit(std::size_t got);

  [[nodiscard]] const wire::FrameHeader& header() const { return header_; }
  [[nodiscard]] const wire::WireError& error() const { return error_; }
  /// The frame, with neither sender nor receiver filled in.
  wire::Envelope take();

 private:
  enum class Part : std::uint8_t { Header, Payload, Whole, Broken };
  Part part_ = Part::Header;
  std::array<std::uint8_t, wire::kFrameHeader> head_{};
  std::size_t have_ = 0;  ///< bytes of the present part
  wire::FrameHeader header_;
  wire::WireError error_;
  Bytes payload_;
};

}  // namespace quorate::net
