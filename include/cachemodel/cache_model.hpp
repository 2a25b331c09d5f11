// cachemodel: a model as its own cache knows it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/origin.hpp>
#include <cachemodel/models.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel {

namespace detail {

// Not members of CacheModel, where they would hide members of the model.

template <class M>
Lookup<CacheModel<M>> with_own_model(Lookup<M> lookup) {
    auto wrapped = std::move(lookup).template map<CacheModel<M>>();
    if (wrapped.found()) OriginAccess::of(*wrapped) = OriginAccess::of(wrapped).revision;
    return wrapped;
}

template <class M>
std::vector<Lookup<CacheModel<M>>> with_own_models(std::vector<Lookup<M>> lookups) {
    std::vector<Lookup<CacheModel<M>>> wrapped;
    wrapped.reserve(lookups.size());
    for (auto& lookup : lookups) wrapped.push_back(with_own_model(std::move(lookup)));
    return wrapped;
}

}  // namespace detail

/// A model as its own cache knows it: the named cache of `cache_options.cache`, or "default".
///
/// An `M` that saves and removes itself; its static functions find others. All of them do what the
/// function of that name of `Models<M>` does.
///
/// Thread safety: the static functions may be called concurrently; an object is plain data.
template <class M>
class CacheModel : public M {
 public:
    using Missing = MissingModel<M>;

    static_assert(detail::require_model<M>());

    CacheModel() = default;
    CacheModel(M the_model) : M(std::move(the_model)) {}

    template <class... Keys>
    static CacheModel get(const Keys&... keys) {
        return *detail::with_own_model(Models<M>{}.fetch_or_throw(detail::with_keys<M>(keys...)));
    }
    static CacheModel get(const M& with_keys) { return get<M>(with_keys); }

    template <class... Keys>
    static Lookup<CacheModel> find(const Keys&... keys) {
        return detail::with_own_model(Models<M>{}.find(keys...));
    }
    static Lookup<CacheModel> find(const M& with_keys) {
        return detail::with_own_model(Models<M>{}.find(with_keys));
    }

    template <class Range>
    static std::vector<Lookup<CacheModel>> get_many(Range&& keys) {
        return detail::with_own_models(Models<M>{}.get_many(keys));
    }
    template <class K>
    static std::vector<Lookup<CacheModel>> get_many(std::initializer_list<K> keys) {
        return detail::with_own_models(Models<M>{}.get_many(keys));
    }
    static std::vector<Lookup<CacheModel>> get_many(std::initializer_list<M> with_keys) {
        return detail::with_own_models(Models<M>{}.get_many(with_keys));
    }

    template <auto... members, class... Values>
    static CacheModel get_by(const Values&... values) {
        return *detail::with_own_model(
            Models<M>{}.fetch_by_or_throw(detail::secondary_values<M, By<members...>>(values...)));
    }
    template <auto... members, class... Values>
    static Lookup<CacheModel> find_by(const Values&... values) {
        return detail::with_own_model(Models<M>{}.template find_by<members...>(values...));
    }
    template <auto... members, class Range>
    static std::vector<Lookup<CacheModel>> get_many_by(Range&& values) {
        return detail::with_own_models(Models<M>{}.template get_many_by<members...>(values));
    }
    template <auto... members, class Value>
    static std::vector<Lookup<CacheModel>> get_many_by(std::initializer_list<Value> values) {
        return detail::with_own_models(Models<M>{}.template get_many_by<members...>(values));
    }

    template <class... Keys>
    static bool exists(const Keys&... keys) {
        return Models<M>{}.exists(keys...);
    }
    static bool exists(const M& with_keys) { return Models<M>{}.exists(with_keys); }

    template <class... Keys>
    static Explanation explain(const Keys&... keys) {
        return Models<M>{}.explain(keys...);
    }
    static Explanation explain(const M& with_keys) { return Models<M>{}.explain(with_keys); }

    template <class... Keys>
    static std::string key_for(const Keys&... keys) {
        return Models<M>{}.key_for(keys...);
    }
    static std::string key_for(const M& with_keys) { return Models<M>{}.key_for(with_keys); }

    static Created<CacheModel> get_or_create(M model) {
        detail::Origin origin;
        auto [stored, created] = Models<M>{}.get_or_create(std::move(model), origin);
        Created<CacheModel> answer{std::move(stored), created};
        answer.model.cachemodel_revision_ = origin.revision;
        return answer;
    }

    template <class Range>
    static std::vector<Outcome> save_many(Range&& models) {
        return Models<M>{}.save_many(models);
    }
    template <class Range>
    static std::vector<Outcome> save_many(Range&& models, Lifetime lifetime) {
        return Models<M>{}.save_many(models, lifetime);
    }
    template <class Given>
    static std::vector<Outcome> save_many(std::initializer_list<Given> models) {
        return Models<M>{}.save_many(models);
    }
    template <class Given>
    static std::vector<Outcome> save_many(std::initializer_list<Given> models, Lifetime lifetime) {
        return Models<M>{}.save_many(models, lifetime);
    }

    template <class... Arguments>
    static CacheModel update(Arguments&&... arguments) {
        static_assert(sizeof...(Arguments) >= 2,
                      "cachemodel: update takes the keys and a function that changes the model");
        return *detail::with_own_model(
            Models<M>{}.update_with(std::forward_as_tuple(arguments...),
                                    std::make_index_sequence<sizeof...(Arguments) - 1>{}));
    }
    template <class Function>
    static CacheModel update(const M& with_keys, Function&& function) {
        return update<const M&, Function>(with_keys, std::forward<Function>(function));
    }

    template <class... Keys>
    requires(sizeof...(Keys) > 0) static bool remove(const Keys&... keys) {
        return Models<M>{}.remove(keys...);
    }
    static bool remove(const M& with_keys) { return Models<M>{}.remove(with_keys); }

    template <class Range>
    static std::vector<Outcome> remove_many(Range&& keys) {
        return Models<M>{}.remove_many(keys);
    }
    template <class K>
    static std::vector<Outcome> remove_many(std::initializer_list<K> keys) {
        return Models<M>{}.remove_many(keys);
    }
    static std::vector<Outcome> remove_many(std::initializer_list<M> with_keys) {
        return Models<M>{}.remove_many(with_keys);
    }

    template <class... Arguments>
    requires(sizeof...(Arguments) >= 2) static bool touch(const Arguments&... arguments) {
        return Models<M>{}.touch(arguments...);
    }
    static bool touch(const M& with_keys, Lifetime lifetime) {
        return Models<M>{}.touch(with_keys, lifetime);
    }

    template <class Row>
    static bool refresh_from(const Row& row) {
        return Models<M>{}.refresh_from(row);
    }
    template <class Range>
    static std::vector<Outcome> refresh_from_many(Range&& rows) {
        return Models<M>{}.refresh_from_many(rows);
    }
    template <class Row>
    static std::vector<Outcome> refresh_from_many(std::initializer_list<Row> rows) {
        return Models<M>{}.refresh_from_many(rows);
    }

    template <class Keys>
    static bool rename(const Keys& old, const M& renamed) {
        return Models<M>{}.rename(old, renamed);
    }
    static bool rename(const M& old, const M& renamed) { return Models<M>{}.rename(old, renamed); }

    // ---- of this object. Parameters are named such that they shadow no member of the model.

    void save() const { Models<M>{}.save(*this); }
    void save(Lifetime the_lifetime) const { Models<M>{}.save(*this, the_lifetime); }
    void save() { Models<M>{}.save_one(*this, {}, {&cachemodel_revision_, 1}); }
    void save(Lifetime the_lifetime) {
        Models<M>{}.save_one(*this, the_lifetime, {&cachemodel_revision_, 1});
    }

    /// Stores this object if its entry is still the one that it was read from, by `get`, `find`,
    /// `get_many`, `update` or `get_or_create`, or that it was stored as, by `save` or by this. An
    /// object that was neither is stored where nothing is. See `Models::save_if_unchanged`.
    ///
    /// An `M` that is assigned to this object was not read: it takes the place of all that was.
    /// Errors: `Conflict`, `BackendError`, `IncompleteKey`. The object stays as it is.
    /// Example: examples/updating.cpp#unchanged
    void save_if_unchanged() { Models<M>{}.save_unchanged(*this, {}, cachemodel_revision_); }
    void save_if_unchanged(Lifetime the_lifetime) {
        Models<M>{}.save_unchanged(*this, the_lifetime, cachemodel_revision_);
    }

    /// Removes the entry of this object, which stays as it is; false where there was none.
    bool remove() const { return Models<M>{}.remove(static_cast<const M&>(*this)); }
    std::string key() const { return Models<M>{}.key_for(static_cast<const M&>(*this)); }

    /// As M compares, or member by member where it does not.
    friend bool operator==(const CacheModel& a, const CacheModel& b) {
        return detail::equal_members<M>(a, b);
    }

 private:
    friend struct detail::OriginAccess;

    detail::Revision cachemodel_revision_;  // so called that no member of a model is
};

}  // namespace cachemodel
