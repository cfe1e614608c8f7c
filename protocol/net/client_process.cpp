#include "protocol/net/client_process.h"

namespace quorate::net {
namespace {

using Clock = IoRunner::Clock;

constexpr std::chrono::milliseconds kPublishInterval{10};
constexpr std::chrono::milliseconds kProbeInterval{500};

KeyReadiness translate(const coordinator::Readiness& readiness) {
  KeyReadiness out;
  switch (readiness.state) {
    case coordinator::Readiness::State::Unknown: out.state = Readiness::Unknown; break;
    case coordinator::Readiness::State::Ready: out.state = Readiness::Ready; break;
    case coordinator::Readiness::State::NotReady: out.state = Readiness::NotReady; break;
  }
  out.can_sign = readiness.can_sign;
  out.reason = readiness.reason;
  out.detail = readiness.detail;
  out.signers_up = readiness.signers_up;
  return out;
}

bool same_in_substance(const KeyReadiness& a, const KeyReadiness& b) {
  return a.state == b.state && a.can_sign == b.can_sign && a.reason == b.reason && a.signers_up == b.signers_up;
}

template <class BackendSettings>
BackendSettings with_instance(BackendSettings settings, Rng& rng) {
  auto link = std::make_shared<LinkSettings>(*settings.link);
  link->instance = rng.make_id<Digest>();
  settings.link = std::move(link);
  return settings;
}

}  // namespace

ClientProcess::ClientProcess(const SignClientConfig& config, const Settings& settings)
    : pid_(getpid()), runner_(config.log), publish_timer_(runner_.io(), [this] { publish(); }) {
  if (const auto* direct = std::get_if<DriverSettings>(&settings)) {
    driver_ = std::make_unique<CoordinatorDriver>(runner_.io(), with_instance(*direct, rng_), rng_);
    driver_->on_blame(config.on_blame);
  } else {
    tier_ = std::make_unique<TierClient>(runner_.io(), with_instance(std::get<TierSettings>(settings), rng_), rng_);
  }
}

ClientProcess::~ClientProcess() {
  runner_.stop();
  if (driver_) driver_->stop();
  if (tier_) tier_->stop();
}

void ClientProcess::start(const std::atomic<KeyNode*>& keys) {
  std::call_once(started_, [&] {
    runner_.post([this, &keys] {
      const auto begin = [&](auto& backend) {
        backend.on_change([this] { changed(); });
        for (const KeyNode* node = keys.load(); node != nullptr; node = node->next) add_key(node->key);
        backend.start();
      };
      driver_ ? begin(*driver_) : begin(*tier_);
    });
    runner_.start();
  });
}

KeyReadiness ClientProcess::readiness(const KeyId& key) {
  runner_.poll([this] { publish(); });
  const std::lock_guard lock(published_mutex_);
  const auto found = published_.find(key);
  if (found != published_.end()) return found->second;
  KeyReadiness unheard_of;
  unheard_of.version = first_version();
  return unheard_of;
}

void ClientProcess::probe() {
  if (!runner_.is_inline()) return;
  const auto now = Clock::now().time_since_epoch().count();
  auto due = next_probe_.load();
  const auto next = now + Clock::duration(kProbeInterval).count();
  if (now >= due && next_probe_.compare_exchange_strong(due, next)) {
    // Coordinators are dialled anew by timers of their own, after half a second at most.
    runner_.post_before_wait([this] {
      if (driver_) driver_->retry_links();
    });
  }
  runner_.poll([this] { publish(); });
}

void ClientProcess::sign(coordinator::SigningJob job, std::chrono::nanoseconds within, CoordinatorDriver::Done done) {
  if (driver_) {
    (void)driver_->sign(std::move(job), within, std::move(done));
  } else {
    tier_->sign(std::move(job), within, std::move(done));
  }
}

void ClientProcess::add_key(const coordinator::KeyInfo& key) {
  keys_.push_back(key.id);
  driver_ ? driver_->add_key(key) : tier_->add_key(key);
}

void ClientProcess::changed() {
  if (publish_waits_) return;
  publish_waits_ = true;
  publish_timer_.at(last_publish_ + kPublishInterval);
}

void ClientProcess::publish() {
  publish_waits_ = false;
  publish_timer_.cancel();
  last_publish_ = monotonic_now();
  std::map<KeyId, KeyReadiness> fresh;
  for (const KeyId& key : keys_) fresh[key] = translate(driver_ ? driver_->readiness(key) : tier_->readiness(key));
  const std::lock_guard lock(published_mutex_);
  for (auto& [key, readiness] : fresh) {
    const auto before = published_.find(key);
    readiness.version = before == published_.end() ? first_version() + 1 : before->second.version;
    if (before != published_.end() && !same_in_substance(before->second, readiness)) ++readiness.version;
  }
  published_ = std::move(fresh);
}

}  // namespace quorate::net
