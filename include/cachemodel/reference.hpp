// cachemodel: a member that points to another model.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/key_arguments.hpp>
#include <cachemodel/detail/load_graph.hpp>
#include <cachemodel/detail/model_table.hpp>
#include <cachemodel/fwd.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace cachemodel {

/// A member that points to another model, or to the model itself, and is fetched with it.
///
/// Null, unloaded (its keys are known) or loaded. Stored are the target's keys, not the target: a
/// target that changes is seen changed by the next load. Targets are const.
///
/// A copy keeps everything alive that was loaded together with it. Assigning a model keeps a copy
/// of that model.
///
/// References may be assigned from inside of what they lead to: `user.mother =
/// user.mother->mother`. A whole plain model, or a list, may not: `user = *user.mother` would let
/// go of the mother while her members are copied one by one. Write `user = User{*user.mother}`; a
/// CacheModel needs no such care.
///
/// With `Dangling::keep` a target that is not there leaves the reference unloaded; by default the
/// object that refers to it counts as missing too. A target that could not be read fails the object
/// under both: nobody can tell whether the reference dangles.
///
/// Thread safety: that of a plain value; what it points to may be read concurrently.
template <class M, Dangling dangling_policy>
class Reference : public detail::ReferenceBase {
 public:
    using model_type = M;
    static constexpr Dangling policy = dangling_policy;

    /// Null.
    Reference() noexcept = default;
    Reference(std::nullptr_t) noexcept {}

    /// A loaded reference to a copy of `model`.
    ///
    /// Errors: `IncompleteKey`.
    Reference(const M& model) : Reference(M(model)) {}
    Reference(M&& model)
        : ReferenceBase(detail::make_reference(detail::table_of<M>(), &model, true)) {}

    /// An unloaded reference, from the target's keys in declaration order or from a model with its
    /// keys set.
    ///
    /// Errors: `IncompleteKey`.
    template <class... Keys>
    static Reference to(const Keys&... keys) {
        M with_keys = detail::with_keys<M>(keys...);
        return Reference{detail::make_reference(detail::table_of<M>(), &with_keys, false)};
    }
    static Reference to(const M& with_keys) { return to<M>(with_keys); }

    /// Whether it points to anything.
    explicit operator bool() const noexcept { return target() != nullptr; }
    /// Whether the target's members are at hand.
    bool loaded() const noexcept { return target() != nullptr && target()->loaded; }
    /// The target's model key; empty where it is null.
    std::string key() const {
        if (!*this) return {};
        return detail::make_model_key(*target()->table, target()->object).stored;
    }

    /// The target.
    ///
    /// Lifetime: as long as this reference or a copy of it.
    /// Errors: `UnloadedReference` where it is null or was not loaded.
    const M& operator*() const { return *operator->(); }
    const M* operator->() const {
        return static_cast<const M*>(detail::loaded_object(*this, detail::table_of<M>()));
    }

    /// Whether both are null, or have the same keys.
    friend bool operator==(const Reference& a, const Reference& b) {
        return detail::same_keys(a, b);
    }

 private:
    explicit Reference(ReferenceBase base) noexcept : ReferenceBase(std::move(base)) {}
};

}  // namespace cachemodel
