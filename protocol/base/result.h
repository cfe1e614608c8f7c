#pragma once

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

namespace quorate {

/// Wraps an error on its way into a Result: `return fail(Fault{...});`
template <class E>
struct Failure {
  E error;
};

template <class E>
[[nodiscard]] Failure<std::decay_t<E>> fail(E&& error) {
  return {std::forward<E>(error)};
}

/// A value or an error. Asking for the one that is not there is a bug and ends the process.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  template <class U>
    requires std::is_convertible_v<U, E>
  Result(Failure<U> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return need_value(), *std::get_if<0>(&state_); }
  const T& value() const& { return need_value(), *std::get_if<0>(&state_); }
  T&& value() && { return need_value(), std::move(*std::get_if<0>(&state_)); }
  E& error() & { return need_error(), *std::get_if<1>(&state_); }
  const E& error() const& { return need_error(), *std::get_if<1>(&state_); }
  E&& error() && { return need_error(), std::move(*std::get_if<1>(&state_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void need_value() const {
    if (state_.index() != 0) std::abort();
  }
  void need_error() const {
    if (state_.index() != 1) std::abort();
  }
  std::variant<T, E> state_;
};

/// Success without a value.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  Result() = default;
  template <class U>
    requires std::is_convertible_v<U, E>
  Result(Failure<U> failure) : error_(std::in_place_index<1>, std::move(failure.error)) {}

  [[nodiscard]] bool has_value() const { return error_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  const E& error() const& { return need_error(), *std::get_if<1>(&error_); }
  E&& error() && { return need_error(), std::move(*std::get_if<1>(&error_)); }

 private:
  void need_error() const {
    if (error_.index() != 1) std::abort();
  }
  std::variant<std::monostate, E> error_;
};

}  // namespace quorate
