// cachemodel: how models are fetched and loaded.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <cachemodel/caches.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "call_memory.hpp"
#include "entries.hpp"
#include "freshness.hpp"
#include "loads.hpp"
#include "model_entries.hpp"
#include "model_job.hpp"
#include "model_verification.hpp"
#include "plain_read.hpp"
#include "revision.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

constexpr std::size_t most_objects = 100'000;

// ---- fetching

class Source;

enum class State : std::uint8_t { pending, found, absent, failed };

/// One object of a load.
struct Item {
    const ModelTable* table = nullptr;
    void* object = nullptr;
    Target* target = nullptr;  ///< null for a root: its object is the caller's
    EntryKey key = {};
    State state = State::pending;
    MissReason reason = MissReason::nothing_stored;
    std::optional<Failure> failure = {};
    /// Whose cache ignores the failure, which is that of a read of it.
    const Source* ignored_by = nullptr;
    std::optional<BrokenReference> broken = {};
    Basis basis = {};
    /// The entry of a value that is to be refreshed, or to be served if it cannot be loaded.
    std::string standing = {};
    bool has_fallback = false;  ///< it may be served, and can be read
    bool is_known_missing = false;
    Source* source = nullptr;    ///< where it comes from if it is not in the cache
    std::uint64_t landings = 0;  ///< as its flights were counted before it was read
    SteadyTime asked_at = {};    ///< before it was read, by the machine's clock
    Origin origin = {};          ///< of a root, once it is found
    // For what is to be kept decoded:
    DecodedStamp stamp = {};      ///< of its entry, before it was read
    std::size_t entry_bytes = 0;  ///< of its entry, fresh and whole; 0 where there is none
    std::optional<WallTime> fresh_until = {};
};

/// A reference from one item to another.
struct Edge {
    std::size_t from;
    std::size_t to;
    Dangling policy;
};

/// What each item refers to.
class Reach {
 public:
    Reach(std::size_t items, std::span<const Edge> edges)
        : begins_(items + 1), to_(edges.size()), seen_by_(items) {
        for (const Edge& edge : edges) ++begins_[edge.from + 1];
        std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
        auto next = begins_;
        for (const Edge& edge : edges) to_[next[edge.from]++] = edge.to;
    }

    /// Calls `take` with the root and all that it leads to, each once, until that returns false;
    /// whether it never did.
    template <class Take>
    bool all_of(std::size_t root, Take take) {
        std::vector<std::size_t> open{root};
        seen_by_[root] = root + 1;
        while (!open.empty()) {
            const std::size_t at = open.back();
            open.pop_back();
            if (!take(at)) return false;
            for (std::size_t i = begins_[at]; i < begins_[at + 1]; ++i) {
                if (std::exchange(seen_by_[to_[i]], root + 1) != root + 1) open.push_back(to_[i]);
            }
        }
        return true;
    }

 private:
    std::vector<std::size_t> begins_;
    std::vector<std::size_t> to_;
    std::vector<std::size_t> seen_by_;  ///< the last root that led there, and one
};

class Load;

/// Where the objects of one class come from that one cache lacks.
class Source final : public Loads {
 public:
    Source(Load& load, const Door& door, const ModelTable& table, Cache cache, bool asks);
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    bool is_of(const ModelTable& table, const Cache& cache, bool asks) const noexcept {
        return &table_ == &table && asks_ == asks && cache_ == cache;
    }
    bool verifies() const noexcept {
        return rules_.verify > 0 && can_load() && !door_.for_update && draws_verification();
    }
    bool can_load() const noexcept { return asks_ && loader_ != nullptr && loader_->can_load(); }
    bool needs_every_member() const noexcept { return loader_ != nullptr; }
    const LoadRules& rules() const noexcept { return rules_; }
    using Loads::cache;

    void count(Counter Counters::*counter) noexcept override {
        Tally{cache_}.count(table_, counter);
    }

 private:
    Item& item(std::size_t index) noexcept;
    std::unique_ptr<LoadJob> make_job() override;
    std::unique_ptr<LoadJob> make_verification() override;
    void* place(LoadJob& job, std::size_t index, bool is_task) override;
    void loaded(std::size_t index, KeyLoad& load) override;
    void take(std::size_t index, const std::shared_ptr<const void>& product) override;
    void fail(std::size_t index, std::exception_ptr error) override;
    bool fall_back(std::size_t index) override;
    bool may_reenter() const noexcept override { return false; }
    bool is_for_update() const noexcept override { return door_.for_update; }

    Load& load_;
    const Door& door_;
    const ModelTable& table_;
    const Cache cache_;
    const bool asks_;  ///< a loader, if there is one
    const Loader* const loader_;
    LoadRules rules_;
};

class Load {
 public:
    explicit Load(const Door& door) : door_(door) {}
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() {
        if (!items_.empty()) SpareText::leave(std::move(items_.front().key.stored));
    }

    /// Objects of the caller; `given` ones have their members already.
    void add_roots(const ModelTable& table, std::span<void* const> objects, bool given);
    /// The roots have been read already: they are what were no plain hits.
    void go_on_with(PlainRead& read) noexcept { read_ = &read; }
    void fetch_all();
    void answer(std::span<Answer> answers, IgnoredRead& ignored);
    void tell_origins(std::span<Origin> origins) const;
    /// Lets the references of given objects point to what was found.
    void fill_given() noexcept;

    /// Before anything is read: what it brings may be kept decoded.
    void watch(DecodedTier& tier);
    /// Hands a root that was found to the tier, if all that it is made of has an entry.
    void keep(std::size_t root, const DecodedId& id, std::shared_ptr<const void> object);

 private:
    friend class Source;
    class Sink;
    using Numbers = std::pmr::vector<std::size_t>;  // of items
    struct Group {
        Cache cache;
        Numbers items;
        std::vector<std::size_t> to_refresh = {};
        std::vector<std::size_t> to_verify = {};
    };

    void fetch_level(const Numbers& level);
    void fetch_group(Group& group);
    void read_group(Group& group, Sink& sink);
    void count_read(const Group& group);
    void read_entry(Group& group, std::size_t index, std::string_view bytes, std::uint64_t token);
    std::optional<MissReason> decode(Item& item, const OpenedEntry& entry);
    Source& source_of(const Item& item, const Cache& cache);
    void load_missing(const Group& group);
    void take_product(Item& item, const LoadedModel& product);
    bool fall_back(Item& item);
    void fail(Item& item, Failure failure, const Source* ignored_by = nullptr);
    void clone(const Item& from, Item& to);
    Numbers next_level(const Numbers& level, bool deeper);
    void spread(State state);
    Cache cache_of(const ModelTable& table) const;
    void remember_entry(Item& item, const OpenedEntry& entry) const noexcept;
    void remember_stored(Item& item, const KeyLoad& load) const noexcept;
    Item* root_like(const Item& item);
    void find_reach();

    class Visitor;

    const Door& door_;
    CallMemory<2048> memory_;    // enough for one object without references
    PlainRead* read_ = nullptr;  ///< until it is taken over
    std::optional<GraphHandle> graph_;
    std::pmr::deque<Item> items_{memory_.resource()};  // what it holds stays where it is
    std::vector<Edge> edges_;
    std::size_t root_count_ = 0;
    bool roots_given_ = false;
    // Until all is done, nobody outside of the load can get at the graph.
    std::vector<std::pair<ReferenceBase*, Target*>> references_of_given_;
    Numbers first_level_{memory_.resource()};
    std::unordered_map<std::string_view, std::size_t> roots_by_key_;
    std::vector<std::pair<std::size_t, std::size_t>> equal_roots_;  // the first, the repeated one
    Numbers copied_{memory_.resource()};  // of the level at hand: equal to an item that is there
    std::optional<Source> first_source_;
    std::vector<std::unique_ptr<Source>> other_sources_;
    DecodedTier* tier_ = nullptr;  ///< null where nothing is to be kept
    std::optional<Reach> reach_;   ///< once something is kept
    std::size_t bytes_of_targets_ = 0;
    std::size_t kept_bytes_ = 0;
    SteadyTime begun_ = {};  ///< for the tier
};

Source::Source(Load& load, const Door& door, const ModelTable& table, Cache cache, bool asks)
    : Loads(cache_, rules_, cache.core().model_flights, typeid(LoadedModel), door.loans),
      load_(load),
      door_(door),
      table_(table),
      cache_(std::move(cache)),
      asks_(asks),
      loader_(find_loader(door, table)),
      rules_{.expires = table.options.expires} {
    if (loader_ == nullptr) return;
    rules_ = load_rules(table.options.expires, load_terms(table.options), cache_.view().load_rules);
}

Item& Source::item(std::size_t index) noexcept { return load_.items_[index]; }

std::unique_ptr<LoadJob> Source::make_job() {
    return std::make_unique<ModelJob>(cache_, rules_, cache_.core().models.of(table_), *loader_,
                                      door_.contexts);
}

std::unique_ptr<LoadJob> Source::make_verification() {
    return std::make_unique<ModelVerification>(cache_, rules_, cache_.core().models.of(table_),
                                               *loader_, door_.contexts);
}

void* Source::place(LoadJob& job, std::size_t index, bool is_task) {
    void* const object = item(index).object;
    return is_task ? static_cast<ModelJob&>(job).copy_of(object) : object;
}

void Source::loaded(std::size_t index, KeyLoad& load) {
    item(index).state = State::found;
    item(index).failure.reset();
    // For an update, and around the cache, it is completed in this thread.
    const bool is_whole = loader_->complete == nullptr || is_for_update() || cache_.is_bypass();
    if (is_whole && load.is_stored) load_.remember_stored(item(index), load);
    if (item(index).target != nullptr) return;
    Revision& revision = item(index).origin.revision;
    if (!is_whole) revision = revision_of_part;
    if (is_whole && load.is_stored) revision = revision_of(load.entry->bytes, load.key);
}

void Source::take(std::size_t index, const std::shared_ptr<const void>& product) {
    load_.take_product(item(index), *static_cast<const LoadedModel*>(product.get()));
}

void Source::fail(std::size_t index, std::exception_ptr error) {
    load_.fail(item(index), Failure{std::move(error)});
}

bool Source::fall_back(std::size_t index) {
    return !door_.for_update && load_.fall_back(item(index));
}

void Load::add_roots(const ModelTable& table, std::span<void* const> objects, bool given) {
    root_count_ = objects.size();
    roots_given_ = given;
    if (!table.references.empty()) graph_.emplace();
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_.emplace_back(Item{.table = &table, .object = objects[i]});
        try {
            item.key = make_model_key(table, item.object);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a to_cache_key of the user's
            fail(item, Failure{std::current_exception()});
            continue;
        }
        if (given) item.state = State::found;
    }
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_[i];
        if (item.state == State::failed) continue;
        if (given) {
            first_level_.push_back(i);
            continue;
        }
        if (root_count_ == 1 && !graph_) {  // nothing can be equal to it
            first_level_.push_back(i);
            continue;
        }
        const auto [first, is_new] = roots_by_key_.emplace(item.key.in_envelope(), i);
        if (is_new) {
            first_level_.push_back(i);
        } else {
            equal_roots_.emplace_back(first->second, i);
        }
    }
}

Cache Load::cache_of(const ModelTable& table) const {
    if (table.options.cache == door_.cache_name) return door_.cache;
    const Cache named = caches()[table.options.cache];
    return door_.cache.is_bypass() ? named.bypass() : named;
}

void Load::fetch_all() {
    Numbers level = std::move(first_level_);
    fetch_level(level);
    for (const auto& [first, repeated] : equal_roots_) {
        clone(items_[first], items_[repeated]);
        level.push_back(repeated);
    }
    for (std::size_t depth = 0; graph_ && !level.empty(); ++depth) {
        level = next_level(level, depth < door_.depth);
        fetch_level(level);
        // An object that is there already is not fetched again.
        for (const std::size_t index : copied_) {
            clone(*root_like(items_[index]), items_[index]);
            level.push_back(index);
        }
        copied_.clear();
    }
    if (graph_) (*graph_)->end_loading();
    // Where both are met, it is known all the same that something is not there.
    spread(State::absent);
    spread(State::failed);
    for (std::size_t i = root_count_; i < items_.size(); ++i) {
        items_[i].target->loaded = items_[i].state == State::found;
    }
}

/// The root of the same class and key, if there is one.
Item* Load::root_like(const Item& item) {
    if (item.table != items_.front().table) return nullptr;
    const auto root = roots_by_key_.find(item.key.in_envelope());
    return root == roots_by_key_.end() ? nullptr : &items_[root->second];
}

/// Makes `to` equal to `from`, through bytes: a model need not be copyable. Models that a loader
/// assigned to references are not in the bytes, and are shared.
void Load::clone(const Item& from, Item& to) {
    to.state = from.state;
    to.reason = from.reason;
    to.failure = from.failure;
    to.ignored_by = from.ignored_by;
    to.origin = from.origin;
    to.stamp = from.stamp;
    to.entry_bytes = from.entry_bytes;
    to.fresh_until = from.fresh_until;
    if (from.state != State::found) return;
    std::string bytes;
    CborWriter writer{bytes};
    bool copied = false;
    try {
        encode_members(writer, from.object, from.table->members);
        CborReader reader{bytes};
        reader.graph = graph_ ? &**graph_ : nullptr;
        reader.references_own_graph = to.target == nullptr;
        copied = decode_members(reader, to.object, to.table->members);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {  // a converter of the user's
        return fail(to, Failure{std::current_exception()});
    }
    if (!copied) {
        return fail(to, Failure{std::make_exception_ptr(
                            Error("a value does not survive being stored: " + to.key.stored))});
    }
    const ReferenceList originals{*from.table, from.object};
    const ReferenceList copies{*to.table, to.object};
    for (std::size_t i = 0; i < originals.size(); ++i) {
        const Target* const target = originals[i].target();
        if (target != nullptr && target->graph != &**graph_) copies[i] = originals[i];
    }
}

void Load::fail(Item& item, Failure failure, const Source* ignored_by) {
    item.state = State::failed;
    item.failure = std::move(failure);
    item.ignored_by = ignored_by;
}

void Load::fetch_level(const Numbers& level) {
    std::pmr::vector<Group> groups{memory_.resource()};
    const ModelTable* table = nullptr;  // of the item before, and its group
    std::size_t at = 0;
    for (const std::size_t index : level) {
        if (items_[index].state != State::pending) continue;
        if (std::exchange(table, items_[index].table) != items_[index].table) {
            const Cache cache = cache_of(*table);
            const auto is_same = [&](const Group& group) { return group.cache == cache; };
            const auto group = std::ranges::find_if(groups, is_same);
            at = static_cast<std::size_t>(group - groups.begin());
            if (at == groups.size()) groups.push_back({cache, Numbers{memory_.resource()}});
        }
        groups[at].items.push_back(index);
    }
    for (auto& group : groups) fetch_group(group);
}

Source& Load::source_of(const Item& item, const Cache& cache) {
    const bool asks = item.target != nullptr || door_.load_roots;
    if (!first_source_) return first_source_.emplace(*this, door_, *item.table, cache, asks);
    if (first_source_->is_of(*item.table, cache, asks)) return *first_source_;
    for (const auto& source : other_sources_) {
        if (source->is_of(*item.table, cache, asks)) return *source;
    }
    return *other_sources_.emplace_back(
        std::make_unique<Source>(*this, door_, *item.table, cache, asks));
}

/// Takes what a read finds to the items.
class Load::Sink final : public ReadSink {
 public:
    Sink(Load& load, Group& group) : load_(load), group_(group) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        try {
            load_.read_entry(group_, group_.items[index], value, token);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t index) noexcept override {
        item(index).state = State::absent;
        item(index).basis = Basis::nothing();
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        absent(index);
        item(index).reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        try {
            const bool is_ignored = is_ignorable(group_.cache.view(), failure);
            load_.fail(item(index), failure, is_ignored ? item(index).source : nullptr);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    Item& item(std::size_t index) noexcept { return load_.items_[group_.items[index]]; }

    Load& load_;
    Group& group_;
    std::exception_ptr fatal_;
};

void Load::count_read(const Group& group) {
    Tally tally{group.cache};
    std::size_t hits = 0;  // of this class, not counted yet
    for (std::size_t i = 0; i < group.items.size(); ++i) {
        const Item& item = items_[group.items[i]];
        const bool is_last =
            i + 1 == group.items.size() || items_[group.items[i + 1]].table != item.table;
        if (item.state == State::found) ++hits;
        if (is_last && hits > 0) tally.count(*item.table, &Counters::hits, std::exchange(hits, 0));
        if (item.state == State::absent) tally.count_miss(*item.table, item.reason);
        if (item.state == State::failed) tally.of(*item.table).read_failures += 1;
    }
}

void Load::read_group(Group& group, Sink& sink) {
    const Flights& flights = group.cache.core().model_flights;
    const SteadyTime now = std::chrono::steady_clock::now();
    std::pmr::vector<std::string_view> keys{memory_.resource()};
    keys.reserve(group.items.size());
    for (const std::size_t index : group.items) {
        Item& item = items_[index];
        if (item.source->can_load()) {
            item.asked_at = now;
            item.landings = flights.landings(Flights::runway(item.key.in_envelope()));
        }
        // What is in another cache is changed by others.
        const bool is_watched = tier_ != nullptr && &group.cache.core() == &door_.cache.core();
        if (is_watched) item.stamp = tier_->stamp(group.cache.final_key(item.key.stored));
        keys.push_back(item.key.stored);
    }
    group.cache.read_many(keys, sink);
}

void Load::fetch_group(Group& group) {
    for (const std::size_t index : group.items) {
        items_[index].source = &source_of(items_[index], group.cache);
    }
    Sink sink{*this, group};
    PlainRead* const read = std::exchange(read_, nullptr);
    if (read != nullptr && read->others() == group.items.size()) {
        for (std::size_t i = 0; i < group.items.size(); ++i) {
            Item& item = items_[group.items[i]];
            item.asked_at = read->asked_at();
            item.landings = read->landings(i);
        }
        read->tell(sink);
    } else {
        read_group(group, sink);
    }
    sink.rethrow_fatal();

    if (!group.cache.is_bypass()) count_read(group);
    load_missing(group);
}

/// Errors: `std::bad_alloc`, `TooManyObjects`; whatever else goes wrong is a miss.
void Load::read_entry(Group& group, std::size_t index, std::string_view bytes,
                      std::uint64_t token) {
    Item& item = items_[index];
    const FoundEntry standing = look_at(group.cache, bytes, item.key.in_envelope());
    if (item.source->can_load()) item.basis = Basis::of(standing, token);
    item.state = State::absent;
    item.reason = standing.reason;
    Freshness state = freshness(group.cache, standing, item.source->rules());
    const bool is_too_old = door_.for_update && !standing.is_fresh_value();
    if (is_too_old && is_served(state)) state = Freshness::fallback;
    item.is_known_missing = state == Freshness::known_missing;
    if (state == Freshness::fallback) item.standing = bytes;
    if (!may_be_served(state)) return;
    if (const auto reason = decode(item, *standing.entry)) {
        if (is_served(state)) item.reason = *reason;
        return;
    }
    item.has_fallback = true;
    if (state == Freshness::fallback) return reset(*item.table, item.object);
    item.state = State::found;
    if (item.target == nullptr) item.origin.revision = revision_of(*standing.entry);
    if (standing.is_fresh_value()) {
        remember_entry(item, *standing.entry);
    } else {
        item.origin.is_stale = true;
        item.source->count(&Counters::stale_served);
    }
    const bool is_refreshed = state == Freshness::early || state == Freshness::stale;
    if (is_refreshed && item.source->can_load()) {
        item.standing = bytes;
        group.to_refresh.push_back(index);
    }
    if (state == Freshness::fresh && item.source->verifies()) {
        item.standing = bytes;
        group.to_verify.push_back(index);
    }
}

/// Reads the item's object: nothing where it could, or why not; then it is as before.
std::optional<MissReason> Load::decode(Item& item, const OpenedEntry& entry) {
    const auto reason = detail::decode_entry(entry, [&](CborReader& reader) {
        reader.graph = graph_ ? &**graph_ : nullptr;
        reader.references_own_graph = item.target == nullptr;
        reader.every_member_required = item.source->needs_every_member();
        return decode_members(reader, item.object, item.table->members);
    });
    if (reason) reset(*item.table, item.object);
    return reason;
}

// ---- loading

void Load::load_missing(const Group& group) {
    struct Part {
        Source* source;
        std::vector<Wanted> missing = {};
        std::vector<Wanted> stale = {};
        std::vector<Wanted> doubted = {};
    };
    std::vector<Part> parts;
    const auto part_of = [&](std::size_t index) -> Part& {
        Source* const source = items_[index].source;
        for (auto& part : parts) {
            if (part.source == source) return part;
        }
        return parts.emplace_back(Part{source});
    };
    const auto wanted = [&](std::size_t index) {
        const Item& item = items_[index];
        return Wanted{.index = index,
                      .key = item.key,
                      .basis = item.basis,
                      .standing = item.standing,
                      .has_fallback = item.has_fallback,
                      .landings = item.landings,
                      .asked_at = item.asked_at};
    };
    for (const std::size_t index : group.to_refresh) part_of(index).stale.push_back(wanted(index));
    for (const std::size_t index : group.to_verify) {
        part_of(index).doubted.push_back(wanted(index));
    }
    for (const std::size_t index : group.items) {
        const Item& item = items_[index];
        if (item.state == State::found || item.is_known_missing) continue;
        if (item.source->can_load()) part_of(index).missing.push_back(wanted(index));
    }
    for (auto& part : parts) {
        if (!part.stale.empty()) part.source->refresh(part.stale);
        if (!part.doubted.empty()) part.source->verify(part.doubted);
        part.source->load(std::move(part.missing));
    }
}

/// Reads what another load has brought.
void Load::take_product(Item& item, const LoadedModel& product) {
    item.failure.reset();
    item.state = State::absent;
    if (!product.entry) return;
    const auto opened = open_entry(product.entry->bytes, item.key.in_envelope()).entry;
    if (!opened || decode(item, *opened)) {
        return fail(item, Failure{std::make_exception_ptr(
                              Error("a value does not survive being stored: " + item.key.stored))});
    }
    item.state = State::found;
    if (!product.is_part) remember_entry(item, *opened);
    if (item.target == nullptr) {
        item.origin.revision = product.is_part ? revision_of_part : revision_of(*opened);
    }
    assign_references(*item.table, item.object, product);
}

/// Serves the stale value, if there is one.
bool Load::fall_back(Item& item) {
    if (!item.has_fallback || item.standing.empty()) return false;
    const Cache cache = cache_of(*item.table);
    const FoundEntry standing = look_at(cache, item.standing, item.key.in_envelope());
    // By now it may be too old.
    if (!may_be_served(freshness(cache, standing, item.source->rules()))) return false;
    reset(*item.table, item.object);
    if (decode(item, *standing.entry)) return false;
    item.state = State::found;
    item.origin = {revision_of(*standing.entry), true};
    item.failure.reset();
    item.source->count(&Counters::stale_served);
    return true;
}

// ---- references

/// Turns the references of one item into items of their own and edges to them.
class Load::Visitor final : public ReferenceVisitor {
 public:
    Visitor(Load& load, bool deeper, Numbers& next) : load_(load), deeper_(deeper), next_(next) {}

    void enter(std::size_t item) noexcept { from_ = item; }

    void visit(ReferenceBase& reference, const ModelTable& table, Dangling policy) override {
        Target* target = reference.target();
        if (target == nullptr) return;
        LoadGraph& graph = **load_.graph_;
        if (target->graph != &graph) {
            if (target->loaded) {       // assigned by a loader or by the user: it stays
                load_.tier_ = nullptr;  // and nobody knows what it was made of
                return;
            }
            target = graph.find_or_add(table, target->keys);
            if (target == nullptr) throw Error("a reference has keys that cannot be stored");
            const bool in_root = load_.items_[from_].target == nullptr;
            if (in_root && load_.roots_given_) {
                load_.references_of_given_.emplace_back(&reference, target);
            } else {
                reference = ReferenceBase{target, in_root};
            }
        }
        if (target->item == Target::no_item) {
            if (!deeper_) return;
            add_item(*target);
        }
        load_.edges_.push_back({from_, target->item, policy});
    }

 private:
    void add_item(Target& target) {
        if (load_.items_.size() - load_.root_count_ >= most_objects) {
            throw TooManyObjects{most_objects};
        }
        EntryKey key = make_model_key(*target.table, target.object);
        target.item = load_.items_.size();
        Item& item = load_.items_.emplace_back(Item{.table = target.table,
                                                    .object = target.object,
                                                    .target = &target,
                                                    .key = std::move(key)});
        (load_.root_like(item) != nullptr ? load_.copied_ : next_).push_back(target.item);
    }

    Load& load_;
    bool deeper_;
    Numbers& next_;
    std::size_t from_ = 0;
};

Load::Numbers Load::next_level(const Numbers& level, bool deeper) {
    Numbers next{memory_.resource()};
    Visitor visitor{*this, deeper, next};
    for (const std::size_t index : level) {
        if (items_[index].state != State::found) continue;
        visitor.enter(index);
        Item& item = items_[index];
        try {
            for (const auto visit : item.table->references) visit(item.object, visitor);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const TooManyObjects&) {
            throw;
        } catch (...) {  // a converter of the user's, for the key of a target
            fail(item, Failure{std::current_exception()});
        }
    }
    return next;
}

/// What refers to something that is not there is not there either, up to the roots, unless it may
/// dangle. What refers to something that nobody can tell about has failed, also where it may
/// dangle: nobody can tell whether it does.
void Load::spread(State state) {
    std::vector<std::size_t> reached;
    for (std::size_t i = root_count_; i < items_.size(); ++i) {
        if (items_[i].state == state) reached.push_back(i);
    }
    if (reached.empty()) return;

    std::vector<std::vector<std::size_t>> referrers(items_.size());
    for (const auto& edge : edges_) {
        const bool spreads = state == State::failed || edge.policy == Dangling::missing;
        if (spreads) referrers[edge.to].push_back(edge.from);
    }
    for (std::size_t done = 0; done < reached.size(); ++done) {
        const Item& to = items_[reached[done]];
        for (const std::size_t from : referrers[reached[done]]) {
            Item& item = items_[from];
            if (item.state != State::found) continue;
            item.state = state;
            item.failure = to.failure;
            item.ignored_by = to.ignored_by;
            if (state == State::absent) item.reason = MissReason::broken_reference;
            item.broken = to.broken ? to.broken
                                    : BrokenReference{item.table->name().name, item.key.stored,
                                                      to.table->name().name, to.key.stored};
            reached.push_back(from);
        }
    }
}

void Load::answer(std::span<Answer> answers, IgnoredRead& ignored) {
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_[i];
        if (item.state == State::found) continue;
        if (item.state == State::absent && item.broken) {
            Tally{door_.cache}.count_miss(*item.table, MissReason::broken_reference);
        }
        const bool is_ignored = item.failure && item.ignored_by != nullptr;
        if (is_ignored) ignored.keep(item.ignored_by->cache(), *item.failure);
        answers[i] = std::make_shared<const Nothing>(Nothing{
            .model = item.table->name().name,
            .key = std::move(item.key.stored),
            .reason = item.reason,
            .broken = std::move(item.broken),
            .failure = std::move(item.failure),
            .is_ignored = is_ignored,
            .make_missing = item.table->make_missing,
        });
    }
}

void Load::tell_origins(std::span<Origin> origins) const {
    for (std::size_t i = 0; i < origins.size(); ++i) origins[i] = items_[i].origin;
}

void Load::remember_entry(Item& item, const OpenedEntry& entry) const noexcept {
    item.entry_bytes = entry.envelope.key.size() + entry.body.size();
    item.fresh_until = entry.envelope.fresh_until;
}

void Load::remember_stored(Item& item, const KeyLoad& load) const noexcept {
    if (tier_ == nullptr) return;
    const auto opened = open_entry(load.entry->bytes, load.key.in_envelope()).entry;
    if (opened) remember_entry(item, *opened);
}

void Load::watch(DecodedTier& tier) {
    tier_ = &tier;
    begun_ = door_.cache.clock().steady();
}

void Load::find_reach() {
    reach_.emplace(items_.size(), edges_);
    for (std::size_t i = root_count_; i < items_.size(); ++i) {
        const Item& item = items_[i];
        if (item.state == State::found) bytes_of_targets_ += item.entry_bytes + item.table->size;
    }
}

void Load::keep(std::size_t root, const DecodedId& id, std::shared_ptr<const void> object) {
    if (tier_ == nullptr || items_[root].state != State::found) return;
    if (!reach_) find_reach();
    // All that was fetched for any root lives as long as one of them.
    DecodedTier::Making making{.begun = begun_, .bytes = bytes_of_targets_};
    making.bytes += items_[root].entry_bytes + items_[root].table->size;
    making.stamp = items_[root].stamp;
    // What is fetched together shall not drive out all else.
    const bool is_first = kept_bytes_ == 0;
    kept_bytes_ += making.bytes;
    if (!is_first && kept_bytes_ > tier_->max_bytes() / 2) return;
    std::optional<WallTime> fresh_until;
    const bool has_entries = reach_->all_of(root, [&](std::size_t index) {
        const Item& item = items_[index];
        if (index != root && item.stamp.place != DecodedStamp::none) {
            making.more.push_back(item.stamp);
        }
        if (item.state != State::found) return true;  // a reference that dangles
        making.longest = std::min(making.longest, item.table->options.expires);
        if (item.fresh_until) {
            fresh_until = std::min(fresh_until.value_or(*item.fresh_until), *item.fresh_until);
        }
        return item.entry_bytes > 0;
    });
    if (!has_entries) return;
    making.more.shrink_to_fit();
    if (fresh_until) {
        const auto left = *fresh_until - wall_time(door_.cache);
        making.left = Lifetime{left};
    }
    tier_->keep(id, std::move(object), std::move(making));
}

void Load::fill_given() noexcept {
    for (const auto& [reference, target] : references_of_given_) {
        if (target->loaded) *reference = ReferenceBase{target, true};
    }
}

}  // namespace

void fetch_models(const Door& door, const ModelTable& table, std::span<void* const> objects,
                  std::span<Answer> answers, std::span<Origin> origins) {
    IgnoredRead ignored;
    fetch_models(door, table, objects, answers, origins, ignored);
    ignored.tell();
}

namespace {

/// Loads what was read and is no plain hit.
void fetch_others(const Door& door, const ModelTable& table, PlainRead& read,
                  std::span<void* const> objects, std::span<Answer> answers,
                  std::span<Origin> origins, IgnoredRead& ignored) {
    const std::size_t count = read.others();
    std::vector<void*> others(count);
    for (std::size_t i = 0; i < count; ++i) others[i] = objects[read.position(i)];
    std::vector<Answer> their_answers(count);
    std::vector<Origin> their_origins(origins.empty() ? 0 : count);
    Load load{door};
    load.add_roots(table, others, false);
    load.go_on_with(read);
    load.fetch_all();
    load.answer(their_answers, ignored);
    load.tell_origins(their_origins);
    for (std::size_t i = 0; i < count; ++i) {
        answers[read.position(i)] = std::move(their_answers[i]);
        if (!origins.empty()) origins[read.position(i)] = their_origins[i];
    }
}

}  // namespace

void fetch_models(const Door& door, const ModelTable& table, std::span<void* const> objects,
                  std::span<Answer> answers, std::span<Origin> origins, IgnoredRead& ignored) {
    if (!objects.empty() && PlainRead::is_possible(door, table)) {
        PlainRead read{door, table, objects, origins};
        if (read.has_read() && read.others() == 0) return;
        if (read.has_read()) {
            return fetch_others(door, table, read, objects, answers, origins, ignored);
        }
    }
    Load load{door};
    load.add_roots(table, objects, false);
    load.fetch_all();
    load.answer(answers, ignored);
    load.tell_origins(origins);
}

namespace {

DecodedId decoded_id(const Cache& cache, const ModelTable& table, std::size_t depth,
                     std::string_view key) noexcept {
    const CacheView& view = cache.view();
    return {&table, depth, view.key_function, view.version, view.prefix, key};
}

}  // namespace

std::shared_ptr<const void> find_decoded(const Cache& cache, const ModelTable& table,
                                         std::size_t depth, std::string_view key) noexcept {
    DecodedTier* const tier = cache.core().decoded();
    if (tier == nullptr || cache.is_bypass()) return nullptr;
    return tier->find(decoded_id(cache, table, depth, key));
}

std::optional<Lifetime> decoded_left(const Cache& cache, const ModelTable& table, std::size_t depth,
                                     std::string_view key) noexcept {
    DecodedTier* const tier = cache.core().decoded();
    if (tier == nullptr || cache.is_bypass()) return std::nullopt;
    return tier->left(decoded_id(cache, table, depth, key));
}

void fetch_shared_models(const Door& door, const ModelTable& table,
                         std::span<const SharedModel> models, std::span<Answer> answers,
                         std::span<Origin> origins) {
    std::vector<void*> objects;
    for (const auto& model : models) objects.push_back(model.object.get());
    DecodedTier* const tier = door.cache.core().decoded();
    IgnoredRead ignored;
    Load load{door};
    if (tier != nullptr && !door.cache.is_bypass()) load.watch(*tier);
    load.add_roots(table, objects, false);
    load.fetch_all();
    try {
        for (std::size_t i = 0; i < models.size(); ++i) {
            const auto& [object, key] = models[i];
            if (!key.empty()) load.keep(i, decoded_id(door.cache, table, door.depth, key), object);
        }
    } catch (const std::bad_alloc&) {
        // The rest is not kept, and given to the caller all the same.
    }
    load.answer(answers, ignored);
    load.tell_origins(origins);
    ignored.tell();
}

void fetch_references(const Door& door, const ModelTable& table, std::span<void* const> objects,
                      std::span<Answer> answers) {
    Load load{door};
    load.add_roots(table, objects, true);
    load.fetch_all();
    IgnoredRead ignored;
    load.answer(answers, ignored);
    load.fill_given();
    ignored.tell();
}

}  // namespace cachemodel::detail
