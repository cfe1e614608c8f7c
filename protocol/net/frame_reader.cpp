#include "protocol/net/frame_reader.h"

#include <algorithm>
#include <cstdlib>

namespace quorate::net {
namespace {
constexpr std::size_t kFirstPiece = std::size_t{64} * 1024;
/// What has arrived is copied at each step, so steps are long: megabytes from 64 KiB in two.
constexpr std::size_t kGrowth = 8;
}

MutableByteView FrameReader::room() {
  switch (part_) {
    case Part::Header:
      return MutableByteView(head_).subspan(have_);
    case Part::Payload: {
      if (have_ == payload_.size() && have_ < header_.payload_size) {
        payload_.resize(std::min(header_.payload_size, std::max(kFirstPiece, kGrowth * have_)));
      }
      return MutableByteView(payload_).subspan(have_);
    }
    case Part::Whole:
    case Part::Broken:
      break;
  }
  return {};
}

FrameReader::Event FrameReader::commit(std::size_t got) {
  switch (part_) {
    case Part::Header: {
      have_ += got;
      if (have_ < head_.size()) return Event::More;
      auto parsed = wire::parse_frame_header(head_);
      if (!parsed) {
        part_ = Part::Broken;
        error_ = parsed.error();
        return Event::Bad;
      }
      header_ = *parsed;
      part_ = Part::Payload;
      have_ = 0;
      payload_.clear();
      return Event::Header;
    }
    case Part::Payload:
      have_ += got;
      if (have_ < header_.payload_size) return Event::More;
      part_ = Part::Whole;
      return Event::Frame;
    case Part::Whole:
      return Event::Frame;
    case Part::Broken:
      break;
  }
  return Event::Bad;
}

wire::Envelope FrameReader::take() {
  if (part_ != Part::Whole) std::abort();
  wire::Envelope envelope;
  envelope.type = header_.type;
  envelope.sid = header_.sid;
  envelope.payload = std::move(payload_);
  payload_ = {};
  part_ = Part::Header;
  have_ = 0;
  return envelope;
}

}  // namespace quorate::net
