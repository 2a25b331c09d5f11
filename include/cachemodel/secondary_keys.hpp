// cachemodel: further members by which a model can be found.
// SPDX-License-Identifier: MIT
#pragma once

namespace cachemodel {

/// Members of a model that together tell one object: `By<&User::email>`. Stands for a secondary key
/// in declarations, and for the loader of one in its first parameter.
///
/// Thread safety: that of a plain value.
template <auto... members>
struct By {};

/// The secondary keys of a model, declared behind its members:
///
///     using secondary_keys = SecondaryKeys<By<&User::email>,
///                                          By<&User::first_name, &User::last_name>>;
///
/// Saving the model then also stores, in the same round trip and for as long, a small entry for
/// each of them that holds the model's keys. `Models::find_by`, `get_by` and `get_many_by` read
/// that one and then the model: two round trips. A model that has other values by then is not the
/// one that was asked for, and is a miss.
///
/// A member is a Field or a plain member, of any type that a Key may have, or an optional one;
/// while it is empty, the model is not found by it. Two objects should not have equal ones: the one
/// that was saved last is found.
///
/// With a loader that finds the keys of a model in its source,
///
///     static std::optional<User> from_miss_by(By<&User::email>, const std::string& email, …);
///
/// what the cache does not know is looked up there. The values follow in the order of the members,
/// then contexts as of `from_miss`. It gives a User with its keys set, or none; the User itself
/// then comes out of the cache, or from its `from_miss`. That is a load like the one by
/// `from_miss`, with the same options: callers who want the same share it, `load_timeout` bounds
/// the wait for it (and then that for the User), `load_backoff` and `remember_missing` hold.
///
/// Errors: what is no secondary key does not compile, nor does one of a model with `.secret_keys`,
/// as its entry would show the keys.
/// Thread safety: that of a plain value.
/// Example: examples/secondary_keys.cpp#model
template <class... Sets>
struct SecondaryKeys {};

}  // namespace cachemodel
