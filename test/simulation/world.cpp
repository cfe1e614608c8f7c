#include "test/simulation/world.h"

#include "protocol/wire/online_codec.h"

namespace quorate::simulation {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

World::World(Settings settings)
    : settings_(settings),
      rng_(settings.seed, "world"),
      fleet_(settings.fleet, settings.seed),
      key_{fleet_.info().key, fleet_.info().curve, VerificationKey(fleet_.info().X)} {
  nodes_.resize(settings_.busy + settings_.idle);
  for (std::size_t c = 0; c < nodes_.size(); ++c) {
    nodes_[c].name = "c-" + std::to_string(c);
    nodes_[c].link.assign(fleet_.size() + 1u, 0);
  }
}

void World::run() {
  const std::function<void()> tick = [&] {
    fleet_.tick(now_);
    at(now_ + milliseconds(5), tick);
  };
  const std::function<void()> roll_back = [&] {
    fleet_.roll_back(now_);
    at(now_ + seconds(1), roll_back);
  };
  tick();
  roll_back();
  const Time begin = now_;
  for (std::size_t c = 0; c < nodes_.size(); ++c) start(c);
  while (now_ < begin + milliseconds(50)) step();
  for (std::size_t c = settings_.busy; c < nodes_.size(); ++c) {
    submit(++counts_.submitted, c);
  }
  if (settings_.storms) storm();
  new_request();
  while (counts_.signed_ + counts_.failed < settings_.requests) {
    step();
    // Whoever still waits long after its deadline never ends.
    if (counts_.submitted >= settings_.requests && requests_.empty()) break;
  }
  const Time end = now_ + seconds(2);
  while (now_ < end) step();
  for (const auto& [number, request] : requests_) counts_.never_ended += !request.done;
  for (const auto& node : nodes_) {
    if (node.core) collect(*node.core);
    counts_.never_ended += node.open.size();
  }
}

void World::at(Time when, std::function<void()> what) { agenda_.push({when, ++sequence_, std::move(what)}); }

/// The next thing that happens: something on the agenda, or a coordinator's timer.
void World::step() {
  Time next = agenda_.top().when;
  std::size_t timer = nodes_.size();
  for (std::size_t c = 0; c < nodes_.size(); ++c) {
    if (!nodes_[c].core) continue;
    const Time wake = nodes_[c].core->next_wakeup();
    if (wake < next) {
      next = wake;
      timer = c;
    }
  }
  now_ = std::max(now_, next);
  if (timer < nodes_.size()) {
    nodes_[timer].core->on_timer(now_);
    drain(timer);
    return;
  }
  const auto what = std::move(agenda_.top().what);
  agenda_.pop();
  what();
}

void World::start(std::size_t c) {
  Node& node = nodes_[c];
  ++node.life;
  node.rng = std::make_unique<sim::SeededRng>(settings_.seed, node.name + "/" + std::to_string(node.life));
  coordinator::CoordinatorConfig config;
  for (PartyId id = 1; id <= fleet_.size(); ++id) config.signers.push_back(id);
  node.core = std::make_unique<Coordinator>(config, *node.rng);
  node.core->add_key(key_);
  for (PartyId id = 1; id <= fleet_.size(); ++id) link_up(c, id);
}

void World::link_up(std::size_t c, PartyId id) {
  Node& node = nodes_[c];
  if (!node.core || node.link[id] % 2 == 1) return;
  ++node.link[id];
  node.core->link_up(now_, id, fleet_.instance(id));
  drain(c);
}

void World::link_down(std::size_t c, PartyId id) {
  Node& node = nodes_[c];
  if (!node.core || node.link[id] % 2 == 0) return;
  ++node.link[id];
  node.core->link_down(now_, id);
  drain(c);
}

void World::drain(std::size_t c) {
  Node& node = nodes_[c];
  for (auto& action : node.core->take_actions()) {
    if (const auto* send = std::get_if<coordinator::Send>(&action)) {
      transmit(c, *send);
    } else if (const auto* finish = std::get_if<coordinator::Finish>(&action)) {
      finished(c, *finish);
    } else if (const auto* assigned = std::get_if<coordinator::Assigned>(&action)) {
      latest_ = assigned->assignment;
      const auto open = node.open.find(assigned->request);
      if (open == node.open.end()) continue;
      at(now_ + microseconds(50), [this, number = open->second, assignment = assigned->assignment] {
        if (const auto it = requests_.find(number); it != requests_.end()) it->second.hint = assignment;
      });
    }
  }
}

std::vector<Time> World::copies() {
  std::vector<Time> out;
  if (weather_ && rng_.below(1000) < 10) {
    ++counts_.lost;
    return out;
  }
  do {
    Time delay = microseconds(50 + rng_.below(200));
    if (weather_ && rng_.below(1000) < 20) delay += microseconds(rng_.below(60'000));
    out.push_back(delay);
  } while (weather_ && rng_.below(1000) < 20);
  counts_.repeated += out.size() - 1;
  return out;
}

void World::transmit(std::size_t c, const coordinator::Send& send) {
  const Node& node = nodes_[c];
  wire::Envelope envelope;
  envelope.sid = send.request;
  envelope.to = send.to;
  std::uint64_t content = 0;
  PresignatureId presignature;
  std::visit(
      [&](const auto& message) {
        using Message = std::decay_t<decltype(message)>;
        envelope.type = wire::kTypeOf<Message>;
        envelope.payload = wire::encode(message);
        if constexpr (std::is_same_v<Message, wire::SignRequest>) {
          presignature = message.presignature;
          for (std::size_t i = message.content.size() - 8; i < message.content.size(); ++i)
            content = content << 8 | message.content[i];
        }
      },
      send.message);
  const auto shared = std::make_shared<const wire::Envelope>(std::move(envelope));
  for (const Time delay : copies())
    at(now_ + delay, [this, c, life = node.life, link = node.link[send.to], shared, content, presignature] {
      const PartyId id = shared->to;
      // What a dead coordinator has sent still arrives; what went into a link that was cut does not.
      if (stopped_.contains(id) || (nodes_[c].life == life && nodes_[c].link[id] != link)) return;
      auto reply = fleet_.answer(id, nodes_[c].name, *shared, now_);
      if (!reply) return;
      if (reply->type == wire::MessageType::SignReply) checker_.answered(id, presignature, content);
      reply->from = id;
      for (const Time back : copies())
        at(now_ + back, [this, c, life, link, reply = *reply] {
          if (nodes_[c].core && nodes_[c].life == life && nodes_[c].link[reply.from] == link)
            deliver(c, reply.from, reply);
        });
    });
}

void World::deliver(std::size_t c, PartyId from, const wire::Envelope& reply) {
  Coordinator& core = *nodes_[c].core;
  switch (reply.type) {
    case wire::MessageType::StatusReply:
      core.on_status(now_, from, reply.sid, *wire::decode<wire::StatusReply>(reply.payload));
      break;
    case wire::MessageType::LeaseReply:
      core.on_lease(now_, from, reply.sid, *wire::decode<wire::LeaseReply>(reply.payload));
      break;
    case wire::MessageType::SignReply:
      core.on_sign_reply(now_, from, reply.sid, *wire::decode<wire::SignReply>(reply.payload, Curve::toy()));
      break;
    default: core.on_refusal(now_, from, reply.sid, *wire::decode<wire::Refusal>(reply.payload));
  }
  drain(c);
}

}  // namespace quorate::simulation
