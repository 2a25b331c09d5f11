// cachemodel: the typed door to a cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/key_arguments.hpp>
#include <cachemodel/detail/key_bytes.hpp>
#include <cachemodel/detail/lender.hpp>
#include <cachemodel/detail/loaders.hpp>
#include <cachemodel/detail/origin.hpp>
#include <cachemodel/detail/secondary_loaders.hpp>
#include <cachemodel/detail/updates.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/fwd.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/reference.hpp>
#include <cachemodel/secondary_keys.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel {

namespace detail {

template <class... Ts>
inline constexpr bool distinct = true;
template <class T, class... Ts>
inline constexpr bool distinct<T, Ts...> =
    !(std::same_as<std::remove_cvref_t<T>, std::remove_cvref_t<Ts>> || ...) && distinct<Ts...>;

template <class Range, class M>
concept KeepsModels = KeepsElements<Range> && requires(Range& range) {
    requires std::derived_from<std::remove_cvref_t<decltype(*std::begin(range))>, M>;
};

}  // namespace detail

/// What `get_or_create` gives.
///
/// Thread safety: that of a plain value.
template <class M>
struct Created {
    M model;
    bool created;  ///< there was none, and `model` is the caller's own, not saved
};

namespace detail {

/// The contexts of a door and of its copies. Loads in the background borrow them.
template <class... Contexts>
struct HeldContexts {
    explicit HeldContexts(std::tuple<Contexts...> given) : contexts(std::move(given)) {}

    std::tuple<Contexts...> contexts;
    Lender lender;  // goes first
};

inline constexpr std::tuple<> no_contexts{};

}  // namespace detail

/// The typed door to one cache: reads, loads and stores models of one class.
///
/// Keys are given as values in declaration order (`users.get("bob")`), as the model with its keys
/// set (`users.get({.username = "bob"})`), or, where there are several, as tuples.
///
/// `Contexts` are what loaders need: `Models<User, Database&> users{cache, db}` gives `db` to every
/// `from_miss(Database&)` of User and of what it refers to. A context must be usable from any
/// thread, as long as the door or a copy of it lives. When the last of them goes, it waits for
/// loads in the background that use the contexts, and those that have not begun never do: keep a
/// door for as long as the program serves, not for one request.
///
/// A model with a `from_miss` is loaded where the cache has none, and stored for the next time; a
/// cache that fails is then gone around, by `CacheOptions::loads_without_cache` loads at a time.
/// Without one, a cache that fails is a `BackendError`.
///
/// A cache with `CacheOptions::ignore_errors` keeps its `BackendError` from those who read, save or
/// touch: what it could not tell about is missing, and what it could not store is left as it is. Of
/// references the cache that the target lives in decides. `remove`, `remove_many`, `rename`,
/// `update`, `save_if_unchanged`, `refresh_from` and `refresh_from_many` throw or tell it all the
/// same: who removes or changes something must know that it did not happen.
///
/// Callers that want the same at the same time share one load, in this process and, through leases
/// in the cache, with others. What they get is equal, also the error. A load that asks for what it
/// is loading throws `RecursiveLoad`. What a load brings is stored only if nothing was stored or
/// removed since it began. On what terms stale entries are served and refreshed, and how long
/// anybody waits, `ModelOptions` says. A `void complete(contexts...)` beside `from_miss` is a
/// second step: callers get what `from_miss` brought, and it runs in the background, on a copy,
/// which is then stored.
///
/// Thread safety: may be called concurrently.
template <class M, class... Contexts>
class Models {
 public:
    using Missing = MissingModel<M>;

    static_assert(detail::require_model<M>());
    static_assert(detail::require_secondary_keys<M>());

    /// On the cache that the model's options name.
    Models() requires(sizeof...(Contexts) == 0)
        : Models(caches()[detail::model_options<M>().cache]) {}

    explicit Models(Cache cache, Contexts... contexts) : cache_(std::move(cache)) {
        if constexpr (sizeof...(Contexts) > 0) {
            contexts_ = std::make_shared<detail::HeldContexts<Contexts...>>(
                std::tuple<Contexts...>(std::forward<Contexts>(contexts)...));
        }
    }

    /// A door that fetches so many levels of references; 0 leaves all of them unloaded.
    Models depth(std::size_t levels) const {
        Models door = *this;
        door.depth_ = levels;
        return door;
    }

    // ---- reading

    /// The model with these keys.
    ///
    /// Errors: `Missing` where there is none, or where something that it refers to is missing;
    /// `BackendError` where the cache failed and there is no loader, or too many load without it;
    /// what the loader throws; `LoadTimeout`; `RecursiveLoad`.
    template <class... Keys>
    M get(const Keys&... keys) const {
        return *fetch_or_throw(detail::with_keys<M>(keys...));
    }
    M get(const M& with_keys) const { return get<M>(with_keys); }

    /// The same, where "there is none" is an answer and no error.
    ///
    /// Errors: what the loader throws, other than `Missing` and `BackendError`; `LoadTimeout`,
    /// `RecursiveLoad`.
    template <class... Keys>
    Lookup<M> find(const Keys&... keys) const {
        return find_one(detail::with_keys<M>(keys...));
    }
    Lookup<M> find(const M& with_keys) const { return find<M>(with_keys); }

    /// One answer for each key, in order, repeated keys included; one round trip for all of them.
    /// `keys` is any range, also one that can be passed over only once.
    ///
    /// Throws for no single key: what a loader throws is its key's `failure()`.
    template <class Range>
    std::vector<Lookup<M>> get_many(Range&& keys) const {
        return fetch_many(keys);
    }
    template <class K>
    std::vector<Lookup<M>> get_many(std::initializer_list<K> keys) const {
        return fetch_many(keys);
    }
    std::vector<Lookup<M>> get_many(std::initializer_list<M> with_keys) const {
        return fetch_many(with_keys);
    }

    /// The model with these keys, as an object that others share: nobody may change it. As long as
    /// the cache keeps it decoded, with all that was fetched with it, everybody gets the same
    /// object, and neither the backend nor a loader is asked: see `CacheOptions::decoded`. In other
    /// caches it is fetched as by `get`, each time.
    ///
    /// What is saved, updated, touched or removed through this cache, its copies and its views
    /// shows at once, also in what refers to it from the same cache; what others change, after
    /// `CacheOptions::decoded_expires` at the latest. Nothing stale is kept, nor the first of two
    /// steps. An entry that does not tell its end, as most do not, may be given out for as long
    /// as that after it has ended, or as `.expires` if that is less.
    ///
    /// Errors: as `get`.
    /// Example: examples/decoded.cpp#use
    template <class... Keys>
    std::shared_ptr<const M> get_shared(const Keys&... keys) const {
        const auto bytes = detail::KeyBytes::of<M>(keys...);
        if (auto held = find_held(bytes)) return held;
        return *fetch_shared(bytes, detail::with_keys<M>(keys...), true);
    }
    std::shared_ptr<const M> get_shared(const M& with_keys) const {
        return get_shared<M>(with_keys);
    }

    /// The same, where "there is none" is an answer and no error.
    ///
    /// Errors: as `find`.
    template <class... Keys>
    Lookup<std::shared_ptr<const M>> find_shared(const Keys&... keys) const {
        const auto bytes = detail::KeyBytes::of<M>(keys...);
        if (auto held = find_held(bytes)) return Lookup<std::shared_ptr<const M>>{std::move(held)};
        return fetch_shared(bytes, detail::with_keys<M>(keys...), false);
    }
    Lookup<std::shared_ptr<const M>> find_shared(const M& with_keys) const {
        return find_shared<M>(with_keys);
    }

    /// One answer for each key, in order, as of `get_many`; what is not kept decoded is fetched
    /// together. Objects with references that were fetched together live as long as one of them.
    ///
    /// Throws for no single key, as `get_many`.
    template <class Range>
    std::vector<Lookup<std::shared_ptr<const M>>> get_many_shared(Range&& keys) const {
        return fetch_many_shared(probes(keys));
    }
    template <class K>
    std::vector<Lookup<std::shared_ptr<const M>>> get_many_shared(
        std::initializer_list<K> keys) const {
        return fetch_many_shared(probes(keys));
    }
    std::vector<Lookup<std::shared_ptr<const M>>> get_many_shared(
        std::initializer_list<M> with_keys) const {
        return fetch_many_shared(probes(with_keys));
    }

    /// The model that a secondary key tells: `users.get_by<&User::email>("bob@example.org")`. The
    /// members are those of one `By` that the model declares, in its order; see `SecondaryKeys`.
    ///
    /// Two round trips, and those for what it refers to.
    /// Errors: as `get`. `Missing` also where what the secondary key leads to has other values now.
    /// Example: examples/secondary_keys.cpp#use
    template <auto... members, class... Values>
    M get_by(const Values&... values) const {
        return *fetch_by_or_throw(detail::secondary_values<M, By<members...>>(values...));
    }
    /// The same, where "there is none" is an answer and no error; `reason()` may be
    /// `MissReason::other_object`.
    ///
    /// Errors: as `find`.
    template <auto... members, class... Values>
    Lookup<M> find_by(const Values&... values) const {
        return find_one_by(detail::secondary_values<M, By<members...>>(values...));
    }
    /// One answer for each, in order, in two round trips: `values` is any range of values, or,
    /// where a secondary key has several members, of tuples of them.
    template <auto... members, class Range>
    std::vector<Lookup<M>> get_many_by(Range&& values) const {
        return fetch_many_by<By<members...>>(values);
    }
    template <auto... members, class Value>
    std::vector<Lookup<M>> get_many_by(std::initializer_list<Value> values) const {
        return fetch_many_by<By<members...>>(values);
    }

    /// Whether the cache has a sound entry of it that is not over, or is still served while it is
    /// refreshed; neither decodes it nor asks a loader.
    ///
    /// Errors: `BackendError`.
    template <class... Keys>
    bool exists(const Keys&... keys) const {
        const M probe = detail::with_keys<M>(keys...);
        return detail::done_or_ignored(cache_, Operation::get, exists_as_told(probe));
    }
    bool exists(const M& with_keys) const { return exists<M>(with_keys); }

    /// What is stored of it right now, and what `get` would make of it. What it refers to is not
    /// looked at. No loader is asked and nothing counted; where the backend can peek, as memory
    /// can, it is no use of the entry either.
    ///
    /// Errors: `IncompleteKey`.
    /// Example: examples/observing.cpp#explain
    template <class... Keys>
    Explanation explain(const Keys&... keys) const {
        const M probe = detail::with_keys<M>(keys...);
        return detail::explain_model(door(), table(), &probe,
                                     detail::KeyBytes::of<M>(probe).view());
    }
    Explanation explain(const M& with_keys) const { return explain<M>(with_keys); }

    /// The model's key, as `Cache::final_key` takes it.
    ///
    /// Errors: `IncompleteKey`.
    template <class... Keys>
    std::string key_for(const Keys&... keys) const {
        const M probe = detail::with_keys<M>(keys...);
        return detail::make_model_key(table(), &probe).stored;
    }
    std::string key_for(const M& with_keys) const { return key_for<M>(with_keys); }

    /// The stored model and false, or `model` and true where there is none. Neither saves nor asks
    /// the model's loader.
    ///
    /// Errors: `BackendError`, `IncompleteKey`, and `Missing` where it is stored and something that
    /// it refers to is missing.
    Created<M> get_or_create(M model) const {
        detail::Origin origin;
        return get_or_create(std::move(model), origin);
    }

    /// Fetches what the given models refer to and have not loaded: one level, one round trip.
    ///
    /// Errors: `Missing` naming both ends where a target is missing, `BackendError`.
    void load(M& model) const {
        void* const object = &model;
        const std::vector<detail::Answer> answers = load_references({&object, 1});
        if (answers.front()) answers.front()->raise();
    }
    /// The same for many, with one outcome for each.
    template <class Range>
    requires(!std::derived_from<std::remove_cvref_t<Range>, M>) std::vector<Outcome> load(
        Range&& models)
    const {
        static_assert(detail::KeepsElements<std::remove_reference_t<Range>>,
                      "cachemodel: load fills models in place; give it a container of them");
        const auto objects = addresses<void*>(models);
        std::vector<Outcome> outcomes(objects.size());
        const std::vector<detail::Answer> answers = load_references(objects);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (answers[i]) outcomes[i] = detail::as_outcome(*answers[i]);
        }
        return outcomes;
    }

    // ---- writing

    /// Stores the model, all of it, over whatever was there. A lifetime that is zero or negative
    /// leaves nothing stored. Does not store what it refers to.
    ///
    /// Errors: `IncompleteKey`, `BackendError`, and what a converter of the user's throws; nothing
    /// is half-stored.
    void save(const M& model) const { save_one(model, {}); }
    void save(const M& model, Lifetime lifetime) const { save_one(model, lifetime); }

    /// Stores each, with one outcome for each. `models` is any range.
    template <class Range>
    std::vector<Outcome> save_many(Range&& models) const {
        return save_all(models, {});
    }
    template <class Range>
    std::vector<Outcome> save_many(Range&& models, Lifetime lifetime) const {
        return save_all(models, lifetime);
    }
    template <class Given>
    std::vector<Outcome> save_many(std::initializer_list<Given> models) const {
        return save_all(models, {});
    }
    template <class Given>
    std::vector<Outcome> save_many(std::initializer_list<Given> models, Lifetime lifetime) const {
        return save_all(models, lifetime);
    }

    /// Stores `*read`, which was found by this door and then changed, if its entry is still the one
    /// that was read. Afterwards `read` stands for what is stored now: change it again, and this
    /// can be called again. Two round trips.
    ///
    /// An entry that was written meanwhile is another one, even with equal values, unless within
    /// the same millisecond; one that was touched is not. A model that its loader brought, and that
    /// could not be stored, is stored only where nothing is.
    ///
    /// Errors: `Conflict` where it was changed or removed, or is over or evicted; what `get` throws
    /// where `read` has found nothing; `BackendError` (`unsupported` without
    /// `Capabilities::compare_and_set`).
    /// Example: examples/updating.cpp#lookup
    void save_if_unchanged(Lookup<M>& read) const { save_read(read, {}); }
    void save_if_unchanged(Lookup<M>& read, Lifetime lifetime) const { save_read(read, lifetime); }

    /// Changes a stored model: reads it, calls the function on a copy, and stores that if nobody
    /// has stored or removed anything meanwhile; otherwise begins anew. No change of another
    /// program, or thread, gets lost. Gives the model as it is stored then.
    ///
    /// `update(keys…, function)`: the function takes an `M&`. It may run several times, each time
    /// on a fresh copy, and changes no keys. If it returns false, the model stays as it is.
    ///
    /// A model with a loader is loaded first where the cache has none that is fresh: what is stale
    /// is neither changed nor served instead of an error, and a second step is taken before. Where
    /// another thread loads it, this waits until that has stored it. References are not loaded.
    /// The entry ends when it would have ended, where it or the backend knows
    /// (`Capabilities::tells_lifetimes`); otherwise it lives as long as the model's options say.
    /// Two round trips for each attempt, and one more where only the backend knows the end.
    ///
    /// Errors: `Missing`; `Conflict` where a hundred attempts all met with another change, or what
    /// was loaded was gone again three times in a row; `BackendError` (`unsupported` without
    /// `Capabilities::compare_and_set`); `InvalidKey` where the function changed a key; what the
    /// function or the loader throws. Nothing is written then.
    /// Example: examples/updating.cpp#update
    template <class... Arguments>
    M update(Arguments&&... arguments) const {
        static_assert(sizeof...(Arguments) >= 2,
                      "cachemodel: update takes the keys and a function that changes the model");
        return *update_with(std::forward_as_tuple(arguments...),
                            std::make_index_sequence<sizeof...(Arguments) - 1>{});
    }
    template <class Function>
    M update(const M& with_keys, Function&& function) const {
        return *update_one(detail::with_keys<M>(with_keys), function);
    }

    /// Removes it; false where there was none. Given the model itself, also what its secondary keys
    /// have stored, as far as its members have other values than a new one.
    ///
    /// Of a model with a loader it also keeps out, in all processes, what loads bring that began
    /// before: for 35 s, or for 5 s more than `ModelOptions::load_timeout` where that is longer,
    /// something stands in its place that readers do not find. What was there before nobody knows
    /// then: true.
    ///
    /// Errors: `BackendError`, `IncompleteKey`.
    template <class... Keys>
    bool remove(const Keys&... keys) const {
        if constexpr (sizeof...(Keys) == 1 && (std::derived_from<Keys, M> && ...)) {
            return (remove_one(keys), ...);
        } else {
            return remove_one(detail::with_keys<M>(keys...));
        }
    }
    bool remove(const M& model) const { return remove_one(model); }

    /// Removes each: done where it was there, declined where it was not. With a loader as `remove`.
    template <class Range>
    std::vector<Outcome> remove_many(Range&& keys) const {
        if constexpr (detail::KeepsModels<Range, M>) {
            return remove_objects(addresses<const void*>(keys));
        } else {
            return remove_all(probes(keys));
        }
    }
    template <class K>
    std::vector<Outcome> remove_many(std::initializer_list<K> keys) const {
        return remove_all(probes(keys));
    }
    std::vector<Outcome> remove_many(std::initializer_list<M> with_keys) const {
        return remove_objects(addresses<const void*>(with_keys));
    }

    /// Gives the stored model another lifetime, from now on; false where there is none.
    ///
    /// `touch(keys…, lifetime)`.
    /// Errors: `BackendError`, `IncompleteKey`.
    template <class... Arguments>
    bool touch(const Arguments&... arguments) const {
        static_assert(sizeof...(Arguments) >= 2, "cachemodel: touch takes the keys and a lifetime");
        return touch_with(std::tie(arguments...),
                          std::make_index_sequence<sizeof...(Arguments) - 1>{});
    }
    bool touch(const M& with_keys, Lifetime lifetime) const {
        return detail::done_or_ignored(cache_, Operation::touch,
                                       detail::touch_model(door(), table(), &with_keys, lifetime));
    }

    /// Brings the entry up to what the source says: for the part of a program that owns the source
    /// and knows what has changed there. The counterpart of `from_miss`, which asks the source.
    ///
    /// The model reads the row by `void from_source(const Row&)`, one for each type of row. It sets
    /// the keys and the rest, and all of it is stored as by `save`; or it sets the keys and throws
    /// `Missing{}`: the row is gone, and the entry is removed. False in that case.
    ///
    /// Call it after the commit, and for one row in the order of its changes. A load that began
    /// before does not come out on top.
    ///
    /// Errors: as `save` and `remove`, and what `from_source` throws; then the entry is as old as
    /// before, and the row should be given again.
    /// Example: examples/push.cpp#one
    template <class Row>
    bool refresh_from(const Row& row) const {
        M model{};
        const bool exists = detail::read_row(model, row);
        exists ? save_or_throw(model) : static_cast<void>(remove(model));
        return exists;
    }
    /// The same for any range of rows, with one outcome for each, in order: declined where the row
    /// is gone and nothing was stored. Of several about one model the last one counts. Two round
    /// trips at most.
    ///
    /// Throws for no single row: what `from_source` throws is its row's failure.
    /// Example: examples/push.cpp#many
    template <class Range>
    std::vector<Outcome> refresh_from_many(Range&& rows) const {
        return refresh_all(rows);
    }
    template <class Row>
    std::vector<Outcome> refresh_from_many(std::initializer_list<Row> rows) const {
        return refresh_all(rows);
    }

    /// Stores `renamed` under its keys and then removes what is stored under `old`: the keys of
    /// one entity changed. False where nothing was stored under `old`.
    ///
    /// Errors: as `save` and `remove`; when removing fails, both are stored.
    template <class Keys>
    bool rename(const Keys& old, const M& renamed) const {
        const M probe = detail::with_keys<M>(old);
        if (key_for(probe) == key_for(renamed)) {
            const bool was_there = detail::done_or_throw(exists_as_told(probe));
            save_or_throw(renamed);
            return was_there;
        }
        save_or_throw(renamed);
        return remove(probe);
    }
    bool rename(const M& old, const M& renamed) const { return rename<M>(old, renamed); }

    const Cache& cache() const noexcept { return cache_; }
    /// What this model has counted in this cache, also as the target of references.
    Statistics statistics() const { return detail::model_statistics(cache_, table()); }

 private:
    friend class CacheModel<M>;

    static const detail::ModelTable& table() noexcept { return detail::table_of<M>(); }

    const std::tuple<Contexts...>& contexts() const noexcept {
        if constexpr (sizeof...(Contexts) == 0) {
            return detail::no_contexts;
        } else {
            return contexts_->contexts;
        }
    }
    /// Without loaders: for what only writes.
    detail::Door door() const {
        return {.cache = cache_,
                .cache_name = detail::model_options<M>().cache,
                .loaders = {},
                .contexts = &contexts(),
                .loans = contexts_ ? contexts_->lender.loans() : nullptr,
                .depth = depth_,
                .has_source = detail::HasLoader<M>};
    }
    detail::Door loading_door() const {
        auto with_loaders = door();
        with_loaders.loaders = detail::loaders_of<M, Contexts...>;
        return with_loaders;
    }

    static Lookup<M> found(M&& model, const detail::Origin& origin) {
        Lookup<M> lookup{std::move(model)};
        detail::OriginAccess::of(lookup) = origin;
        return lookup;
    }
    detail::Answer fetch_one(const detail::Door& through, M& model, detail::Origin& origin) const {
        void* const object = &model;
        detail::Answer answer;
        detail::fetch_models(through, table(), {&object, 1}, {&answer, 1}, {&origin, 1});
        return answer;
    }
    Lookup<M> fetch_or_throw(M model) const {
        detail::Origin origin;
        if (const auto answer = fetch_one(loading_door(), model, origin)) answer->raise();
        return found(std::move(model), origin);
    }
    Lookup<M> find_one(M model) const {
        detail::Origin origin;
        auto answer = fetch_one(loading_door(), model, origin);
        if (!answer) return found(std::move(model), origin);
        if (answer->failure) detail::rethrow_unless_failure_of_find(*answer->failure);
        return Lookup<M>{std::move(answer)};
    }
    /// Null where it is not kept decoded.
    std::shared_ptr<const M> find_held(const detail::KeyBytes& bytes) const {
        if (!bytes.is_complete()) return nullptr;
        return std::static_pointer_cast<const M>(
            detail::find_decoded(cache_, table(), depth_, bytes.view()));
    }
    /// What is not kept, of which the keys are set.
    Lookup<std::shared_ptr<const M>> fetch_shared(const detail::KeyBytes& bytes, M&& with_keys,
                                                  bool throws) const {
        auto model = std::make_shared<M>(std::move(with_keys));
        const detail::SharedModel shared{model,
                                         bytes.is_complete() ? bytes.view() : std::string_view{}};
        detail::Answer answer;
        detail::Origin origin;
        detail::fetch_shared_models(loading_door(), table(), {&shared, 1}, {&answer, 1},
                                    {&origin, 1});
        if (!answer) return found_shared(std::move(model), origin);
        if (throws) answer->raise();
        if (answer->failure) detail::rethrow_unless_failure_of_find(*answer->failure);
        return Lookup<std::shared_ptr<const M>>{std::move(answer)};
    }
    /// Incomplete where a `to_cache_key` throws: the load finds out, and fails that key alone.
    static detail::KeyBytes key_bytes_of(const M& model) {
        try {
            return detail::KeyBytes::of<M>(model);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {
            return detail::KeyBytes::incomplete();
        }
    }
    static Lookup<std::shared_ptr<const M>> found_shared(std::shared_ptr<const M> model,
                                                         const detail::Origin& origin) {
        Lookup<std::shared_ptr<const M>> lookup{std::move(model)};
        detail::OriginAccess::of(lookup) = origin;
        return lookup;
    }
    std::vector<Lookup<std::shared_ptr<const M>>> fetch_many_shared(
        std::vector<M>&& with_keys) const {
        std::vector<std::shared_ptr<const M>> models(with_keys.size());
        std::vector<detail::KeyBytes> bytes;
        std::vector<std::shared_ptr<M>> fetched;
        bytes.reserve(models.size());
        fetched.reserve(models.size());
        for (std::size_t i = 0; i < models.size(); ++i) {
            bytes.push_back(key_bytes_of(with_keys[i]));
            models[i] = find_held(bytes[i]);
            if (models[i]) continue;
            fetched.push_back(std::make_shared<M>(std::move(with_keys[i])));
        }
        std::vector<detail::SharedModel> shared;
        shared.reserve(fetched.size());
        for (std::size_t i = 0; i < models.size(); ++i) {
            if (models[i]) continue;
            shared.push_back({fetched[shared.size()],
                              bytes[i].is_complete() ? bytes[i].view() : std::string_view{}});
        }
        std::vector<detail::Answer> answers(fetched.size());
        std::vector<detail::Origin> origins(fetched.size());
        if (!fetched.empty()) {
            detail::fetch_shared_models(loading_door(), table(), shared, answers, origins);
        }
        std::vector<Lookup<std::shared_ptr<const M>>> lookups;
        lookups.reserve(models.size());
        std::size_t next = 0;
        for (auto& model : models) {
            if (model) {
                lookups.emplace_back(std::move(model));
                continue;
            }
            const std::size_t at = next++;
            if (answers[at]) {
                lookups.emplace_back(std::move(answers[at]));
            } else {
                lookups.push_back(found_shared(std::move(fetched[at]), origins[at]));
            }
        }
        return lookups;
    }
    /// Of all that the given values of a secondary key tell, into `objects`.
    template <class Set, class Values>
    void fetch_by(const std::vector<Values>& asked, std::span<void* const> objects,
                  std::span<detail::Answer> answers, std::span<detail::Origin> origins) const {
        std::vector<detail::SecondaryQuestion> questions;
        questions.reserve(asked.size());
        for (const Values& values : asked) {
            questions.push_back({detail::SecondaryKeyOf<M, Set>::text(values), &values});
        }
        constexpr auto source = detail::key_source<M, Set, Contexts...>();
        detail::fetch_models_by(loading_door(), table(), detail::secondary_index<M, Set>, questions,
                                source, objects, answers, origins);
    }
    template <class Set, class Values>
    Lookup<M> find_one_by(detail::Asked<Set, Values> asked, bool throws = false) const {
        M model{};
        void* const object = &model;
        detail::Answer answer;
        detail::Origin origin;
        fetch_by<Set>(std::vector{std::move(asked.values)}, {&object, 1}, {&answer, 1},
                      {&origin, 1});
        if (!answer) return found(std::move(model), origin);
        if (throws) answer->raise();
        if (answer->failure) detail::rethrow_unless_failure_of_find(*answer->failure);
        return Lookup<M>{std::move(answer)};
    }
    template <class Set, class Values>
    Lookup<M> fetch_by_or_throw(detail::Asked<Set, Values> asked) const {
        return find_one_by(std::move(asked), true);
    }
    template <class Set, class Range>
    std::vector<Lookup<M>> fetch_many_by(Range& given) const {
        std::vector<detail::SecondaryValues<M, Set>> asked;
        for (auto&& each : given) {
            asked.push_back(detail::secondary_values_of_one<M, Set>(each).values);
        }
        std::vector<Lookup<M>> lookups;
        lookups.reserve(asked.size());
        for (std::size_t i = 0; i < asked.size(); ++i) lookups.emplace_back(M{});
        fetch_into(lookups, [&](auto objects, auto answers, auto origins) {
            fetch_by<Set>(asked, objects, answers, origins);
        });
        return lookups;
    }
    /// Lets `fetch(objects, answers, origins)` fill the models that stand in `lookups`.
    template <class Fetch>
    static void fetch_into(std::vector<Lookup<M>>& lookups, Fetch fetch) {
        std::vector<void*> objects;
        objects.reserve(lookups.size());
        for (auto& lookup : lookups) objects.push_back(&*lookup);
        std::vector<detail::Answer> answers(lookups.size());
        std::vector<detail::Origin> origins(lookups.size());
        fetch(std::span<void* const>{objects}, std::span{answers}, std::span{origins});
        for (std::size_t i = 0; i < lookups.size(); ++i) {
            if (answers[i]) {
                lookups[i] = Lookup<M>{std::move(answers[i])};
            } else {
                detail::OriginAccess::of(lookups[i]) = origins[i];
            }
        }
    }
    Created<M> get_or_create(M&& model, detail::Origin& origin) const {
        auto without_loader = door();
        without_loader.loaders = detail::loaders_at_hand<M, Contexts...>;
        without_loader.load_roots = false;
        M probe = detail::with_keys<M>(model);
        const detail::Answer answer = fetch_one(without_loader, probe, origin);
        if (!answer) return {std::move(probe), false};
        const bool has_failed = answer->failure && !answer->is_ignored;
        if (has_failed || answer->broken) answer->raise();
        return {std::move(model), true};
    }

    template <class Range>
    static std::vector<M> probes(Range&& keys) {
        std::vector<M> models;
        if constexpr (requires { keys.size(); }) models.reserve(keys.size());
        for (auto&& each : keys) models.push_back(detail::with_keys<M>(each));
        return models;
    }
    template <class Pointer, class Range>
    static std::vector<Pointer> addresses(Range& models) {
        std::vector<Pointer> objects;
        for (auto& model : models) {
            static_assert(std::derived_from<std::remove_cvref_t<decltype(model)>, M>,
                          "cachemodel: these are not the models of this door");
            objects.push_back(
                static_cast<std::conditional_t<
                    std::is_const_v<std::remove_reference_t<decltype(model)>>, const M*, M*>>(
                    &model));
        }
        return objects;
    }
    template <class Range>
    std::vector<Lookup<M>> fetch_many(Range&& keys) const {
        std::vector<Lookup<M>> lookups;
        if constexpr (requires { keys.size(); }) lookups.reserve(keys.size());
        for (auto&& each : keys) lookups.emplace_back(detail::with_keys<M>(each));
        fetch_into(lookups, [&](auto objects, auto answers, auto origins) {
            detail::fetch_models(loading_door(), table(), objects, answers, origins);
        });
        return lookups;
    }
    std::vector<detail::Answer> load_references(std::span<void* const> objects) const {
        auto one_level = loading_door();
        one_level.depth = 1;
        std::vector<detail::Answer> answers(objects.size());
        detail::fetch_references(one_level, table(), objects, answers);
        return answers;
    }
    Outcome exists_as_told(const M& probe) const {
        return detail::model_exists(door(), table(), &probe);
    }
    Outcome save_as_told(const M& model, std::optional<Lifetime> lifetime,
                         std::span<detail::Revision> revision) const {
        const void* const object = &model;
        Outcome outcome;
        detail::save_models(door(), table(), {&object, 1}, lifetime, {&outcome, 1}, revision);
        return outcome;
    }
    void save_or_throw(const M& model) const { detail::done_or_throw(save_as_told(model, {}, {})); }
    void save_one(const M& model, std::optional<Lifetime> lifetime,
                  std::span<detail::Revision> revision = {}) const {
        detail::done_or_ignored(cache_, Operation::set, save_as_told(model, lifetime, revision));
    }
    void save_read(Lookup<M>& read, std::optional<Lifetime> lifetime) const {
        const M& model = *read;
        save_unchanged(model, lifetime, detail::OriginAccess::of(read).revision);
    }
    void save_unchanged(const M& model, std::optional<Lifetime> lifetime,
                        detail::Revision& revision) const {
        detail::save_model_if_unchanged(door(), table(), &model, lifetime, revision);
    }
    template <class Tuple, std::size_t... I>
    Lookup<M> update_with(const Tuple& arguments, std::index_sequence<I...>) const {
        return update_one(detail::with_keys<M>(std::get<I>(arguments)...),
                          std::get<sizeof...(I)>(arguments));
    }
    template <class Function>
    Lookup<M> update_one(M model, Function& function) const {
        detail::Revision revision;
        detail::with_change<M>(function, [&](const detail::Change& change) {
            detail::update_model(loading_door(), table(), &model, change, revision);
        });
        return found(std::move(model), {revision});
    }
    template <class Range>
    std::vector<Outcome> save_all(Range& models, std::optional<Lifetime> lifetime) const {
        if constexpr (detail::KeepsElements<Range>) {
            return save_objects(addresses<const void*>(models), lifetime);
        } else {
            std::vector<M> kept;
            for (auto&& model : models) kept.push_back(std::forward<decltype(model)>(model));
            return save_objects(addresses<const void*>(kept), lifetime);
        }
    }
    std::vector<Outcome> save_objects(const std::vector<const void*>& objects,
                                      std::optional<Lifetime> lifetime) const {
        std::vector<Outcome> outcomes(objects.size());
        detail::save_models(door(), table(), objects, lifetime, outcomes);
        detail::tell_ignored(cache_, Operation::set, outcomes);
        return outcomes;
    }
    template <class Range>
    std::vector<Outcome> refresh_all(Range& rows) const {
        const detail::SourceRows<M> read{rows};
        std::vector<Outcome> outcomes = read.outcomes();
        detail::refresh_models(door(), table(), read.states(), outcomes);
        return outcomes;
    }
    bool remove_one(const M& model) const {
        const void* const object = &model;
        Outcome outcome;
        detail::remove_models(door(), table(), {&object, 1}, {&outcome, 1});
        return detail::done_or_throw(outcome);
    }
    std::vector<Outcome> remove_all(const std::vector<M>& models) const {
        return remove_objects(addresses<const void*>(models));
    }
    std::vector<Outcome> remove_objects(const std::vector<const void*>& objects) const {
        std::vector<Outcome> outcomes(objects.size());
        detail::remove_models(door(), table(), objects, outcomes);
        return outcomes;
    }
    template <class Tuple, std::size_t... I>
    bool touch_with(const Tuple& arguments, std::index_sequence<I...>) const {
        return touch(detail::with_keys<M>(std::get<I>(arguments)...),
                     Lifetime{std::get<sizeof...(I)>(arguments)});
    }

    Cache cache_;
    /// Null where there are none.
    std::shared_ptr<detail::HeldContexts<Contexts...>> contexts_;
    std::size_t depth_ = detail::any_depth;

    // Last, so that nothing else is complained about.
    static_assert(detail::distinct<Contexts...>,
                  "cachemodel: two contexts of one type cannot be told apart; give them types of "
                  "their own");
};

}  // namespace cachemodel
