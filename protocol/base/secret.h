#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ct.h"

namespace quorate {

/// Holds one trivially copyable secret. It cannot be copied, printed or compared; a move wipes the
/// source, the destructor wipes the value. Whoever needs the value calls reveal(), which can be searched for.
template <class T>
class Secret {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Secret() : value_{} {}
  explicit Secret(const T& value) : value_(value) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : value_(other.value_) { other.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      value_ = other.value_;
      other.clear();
    }
    return *this;
  }
  ~Secret() { clear(); }

  [[nodiscard]] const T& reveal() const { return value_; }
  [[nodiscard]] T& reveal() { return value_; }
  void clear() { ct::wipe(&value_, sizeof value_); }

 private:
  T value_;
};

/// Allocator that wipes memory before it is freed.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) {}
  T* allocate(std::size_t n) { return std::allocator<T>{}.allocate(n); }
  void deallocate(T* p, std::size_t n) {
    ct::wipe(p, n * sizeof(T));
    std::allocator<T>{}.deallocate(p, n);
  }
  bool operator==(const WipingAllocator&) const { return true; }
};

/// A vector of secret words or bytes: wiped when freed, movable, not copyable.
template <class T>
class SecretVector {
 public:
  SecretVector() = default;
  explicit SecretVector(std::size_t n) : items_(n) {}
  SecretVector(const SecretVector&) = delete;
  SecretVector& operator=(const SecretVector&) = delete;
  SecretVector(SecretVector&&) noexcept = default;
  SecretVector& operator=(SecretVector&&) noexcept = default;

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::span<const T> reveal() const { return items_; }
  [[nodiscard]] std::span<T> reveal() { return items_; }
  void clear() { std::vector<T, WipingAllocator<T>>().swap(items_); }

 private:
  std::vector<T, WipingAllocator<T>> items_;
};
using SecretBytes = SecretVector<std::uint8_t>;

}  // namespace quorate
