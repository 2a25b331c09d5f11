// cachemodel: what is thrown, and the failure of one key among many.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cachemodel {

/// The root of everything that this library throws of its own.
///
/// Thread safety: that of a plain value, for all that derive from it.
class Error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

/// A reference that leads nowhere: the object that holds it, and the target that is not there.
///
/// Thread safety: that of a plain value.
struct BrokenReference {
    std::string from_model;
    std::string from_key;
    std::string to_model;
    std::string to_key;
};

/// A value is owed and nothing is there.
///
/// A loader throws `Missing{}` to say that the source has none; the library adds the model and the
/// key. Catch `CacheModel<User>::Missing` for one model, `Missing` for all of them.
class Missing : public Error {
 public:
    Missing();
    Missing(std::string model, std::string key, std::optional<BrokenReference> broken = {});

    /// The model's name; empty for a `Missing{}` that says only that the source has none.
    const std::string& model() const noexcept { return model_; }
    /// The model key, or a digest of it for a model with `.secret_keys`.
    const std::string& key() const noexcept { return key_; }
    /// Set when the object itself was there and what it refers to was not.
    const std::optional<BrokenReference>& broken_reference() const noexcept { return broken_; }

 private:
    std::string model_;
    std::string key_;
    std::optional<BrokenReference> broken_;
};

/// The `Missing` of one model: what `CacheModel<M>::Missing` and `Models<M>::Missing` name.
template <class M>
class MissingModel : public Missing {
 public:
    using Missing::Missing;
};

/// Why a backend could not do, or could not tell.
enum class BackendFault : std::uint8_t {
    timeout,          ///< no answer within the deadline
    unavailable,      ///< not reachable, or it gave up the connection
    full,             ///< it has no memory or disk for the value
    auth,             ///< it wants other credentials
    permission,       ///< it may not, or may not here
    protocol,         ///< its answer made no sense
    unsupported,      ///< it cannot do that at all
    value_too_large,  ///< see `ValueTooLarge`
};

/// "timeout", "unavailable" and so on.
std::string_view to_string(BackendFault fault) noexcept;

/// A backend could not do what was asked, or could not tell.
class BackendError : public Error {
 public:
    BackendError(BackendFault fault, const std::string& message);

    BackendFault fault() const noexcept { return fault_; }

 private:
    BackendFault fault_;
};

/// The value is larger than the backend takes. `set` removes the old entry then, if any, as it was
/// out of date; what stores on a condition, as `add`, leaves it.
class ValueTooLarge : public BackendError {
 public:
    ValueTooLarge(std::size_t size, std::size_t limit);

    /// Bytes of the entry as the backend would have stored it.
    std::size_t size() const noexcept { return size_; }
    /// Bytes that the backend takes under this key.
    std::size_t limit() const noexcept { return limit_; }

 private:
    std::size_t size_;
    std::size_t limit_;
};

/// A key that cannot be made, or that the backend cannot take; refused before anything is sent.
///
/// A number that does not fit into a Key, NaN in the key of a cached call, a key of the caller's
/// own with bytes that the server does not allow.
class InvalidKey : public Error {
 public:
    using Error::Error;
};

/// A model was used whose keys are not all set, or a Key that was not set is part of a cached
/// call's key. Names every key that is not.
class IncompleteKey : public Error {
 public:
    IncompleteKey(std::string model, std::vector<std::string> unset);

    const std::string& model() const noexcept { return model_; }
    const std::vector<std::string>& unset() const noexcept { return unset_; }

 private:
    std::string model_;
    std::vector<std::string> unset_;
};

/// An entry was found, and it is not of the type that was asked for.
///
/// Not thrown by `Cache::get` but kept in its answer, as `failure()`.
class TypeMismatch : public Error {
 public:
    using Error::Error;
};

/// A counting verb met an entry that is no integer. The entry is unchanged.
class NotAnInteger : public Error {
 public:
    using Error::Error;
};

/// A number would leave its range: a counter beyond 64 bits with a sign, a version below 0.
///
/// Nothing was changed, but for a counter on memcached: the server has counted all the same.
class Overflow : public Error {
 public:
    using Error::Error;
};

/// A cached method of a form was called, and the form's `is_valid()` is false.
class InvalidForm : public Error {
 public:
    using Error::Error;
};

/// What is to be loaded or computed needs itself: a loader asked for what it was loading; a cached
/// call reached itself, and that one did so again.
class RecursiveLoad : public Error {
 public:
    using Error::Error;
};

/// A load took longer than `ModelOptions::load_timeout`. It goes on, and may be stored later.
class LoadTimeout : public Error {
 public:
    using Error::Error;
};

/// What was to be changed is not as it was read any more. Nothing was written.
class Conflict : public Error {
 public:
    using Error::Error;
};

/// `*` or `->` on a reference that was not loaded.
class UnloadedReference : public Error {
 public:
    using Error::Error;
};

/// A setting that makes no sense: a malformed URL, an unknown option, a name that must be given.
class ConfigError : public Error {
 public:
    using Error::Error;
};

/// Why one key of several could not be served: an exception that was kept instead of thrown.
///
/// Cheap to copy.
///
/// Thread safety: that of a plain value; copies in several threads may share what they keep.
class Failure {
 public:
    /// Keeps `error`; a null pointer is not allowed.
    explicit Failure(std::exception_ptr error);
    /// Keeps a copy of `error`, as the type that the caller names.
    template <class E>
    requires std::is_base_of_v<BackendError, E>
    explicit Failure(const E& error)
        : kept_(std::make_shared<const Kept>(
              Kept{std::make_exception_ptr(error), error.what(), error.fault()})) {}
    Failure(BackendFault fault, const std::string& message);

    /// The kept exception's `what()`.
    const std::string& message() const noexcept { return kept_->message; }
    /// Set where a backend failed; empty where a loader threw.
    std::optional<BackendFault> fault() const noexcept { return kept_->fault; }
    [[noreturn]] void rethrow() const;

 private:
    struct Kept {
        std::exception_ptr error;
        std::string message;
        std::optional<BackendFault> fault;
    };
    std::shared_ptr<const Kept> kept_;
};

}  // namespace cachemodel
