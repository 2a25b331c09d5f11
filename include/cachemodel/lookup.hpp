// cachemodel: the answer of a read that may find nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/origin.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cachemodel {

/// Why a read found nothing that it could use.
enum class MissReason : std::uint8_t {
    nothing_stored,    ///< the backend has nothing under the key
    expired,           ///< the entry's own end has passed
    foreign,           ///< the bytes are not an entry of this library
    unknown_format,    ///< an entry of a format that this release does not know
    corrupt,           ///< checksum or length are wrong
    other_key,         ///< an entry, but of another key
    undecodable,       ///< a sound entry whose body does not fit the model
    member_absent,     ///< a sound entry that lacks some of the members
    broken_reference,  ///< the object is there, and something that it refers to is not
    removed,           ///< it was removed a short while ago, and older loads are kept out
    being_loaded,      ///< another process is loading it
    known_missing,     ///< the source had none, and that is remembered
    other_object,      ///< what a secondary key leads to has other values now
};
inline constexpr std::size_t miss_reason_count = 13;

/// "nothing stored", "expired" and so on.
std::string_view to_string(MissReason reason) noexcept;

namespace detail {

/// All about an answer that is not `found`; shared by copies.
struct Nothing {
    std::string model;
    std::string key;
    MissReason reason = MissReason::nothing_stored;
    std::optional<BrokenReference> broken;
    std::optional<Failure> failure;
    bool is_ignored = false;  ///< the failure, by its cache: for who owes a value it is a miss
    /// The model's own `Missing`, from the rest of this.
    std::exception_ptr (*make_missing)(const Nothing& nothing) = nullptr;

    [[noreturn]] void raise() const;
};

}  // namespace detail

/// What a read answers: a value, "there is none", or "could not tell".
///
/// Three states do not fit into one truth value, so there is no `operator bool`.
///
/// Thread safety: that of `T`.
template <class T>
class [[nodiscard]] Lookup {
 public:
    explicit Lookup(T value) : value_(std::move(value)) {}
    explicit Lookup(std::shared_ptr<const detail::Nothing> nothing)
        : nothing_(std::move(nothing)) {}

    bool found() const noexcept { return value_.has_value(); }
    /// The backend (and the source, where there is one) answered: there is none.
    bool absent() const noexcept { return !found() && !nothing_->failure; }
    /// The backend or the loader failed, so nobody knows.
    bool failed() const noexcept { return !found() && nothing_->failure.has_value(); }

    /// Found, though its lifetime is over: served while it is refreshed, or because it could not be
    /// (`ModelOptions::stale_while_refresh`, `stale_if_error`). Says nothing of what it refers to.
    bool stale() const noexcept { return origin_.is_stale; }

    /// The value. What `->` points to ends with the lookup: keep `cache.get<User>("k")` in a
    /// variable where more than one expression is about it.
    ///
    /// Errors: where there is none, what `get` would have thrown; of a cached function `Missing`
    /// with the function's name as `model()`, or what the function threw.
    const T& operator*() const& { return present(*this); }
    T& operator*() & { return present(*this); }
    T operator*() && { return std::move(present(*this)); }
    const T* operator->() const { return &present(*this); }
    T* operator->() { return &present(*this); }

    /// The value, or `otherwise` where there is none: also where it failed, or an entry of another
    /// type is there, while `Cache::get_or` throws then.
    T value_or(T otherwise) const& { return found() ? *value_ : std::move(otherwise); }
    T value_or(T otherwise) && { return found() ? std::move(*value_) : std::move(otherwise); }

    /// The same answer, about a `U` made from the value.
    template <class U>
    Lookup<U> map() && {
        if (!found()) return Lookup<U>{std::move(nothing_)};
        Lookup<U> mapped{U(std::move(*value_))};
        mapped.origin_ = origin_;
        return mapped;
    }

    /// Why it failed. Only for a lookup that `failed()`; throws `std::bad_optional_access`
    /// otherwise.
    const Failure& failure() const {
        if (!failed()) throw std::bad_optional_access{};
        return *nothing_->failure;
    }
    /// Why there is nothing. Only for a lookup that is `absent()`; throws
    /// `std::bad_optional_access` otherwise.
    MissReason reason() const {
        if (!absent()) throw std::bad_optional_access{};
        return nothing_->reason;
    }
    /// Set where the object is there, and something that it refers to is not.
    std::optional<BrokenReference> broken_reference() const {
        return absent() ? nothing_->broken : std::nullopt;
    }

 private:
    template <class U>
    friend class Lookup;
    friend struct detail::OriginAccess;

    template <class Self>
    static auto& present(Self& self) {
        if (!self.value_) self.nothing_->raise();
        return *self.value_;
    }
    std::optional<T> value_;
    std::shared_ptr<const detail::Nothing> nothing_;
    detail::Origin origin_;  // of what was found
};

}  // namespace cachemodel
