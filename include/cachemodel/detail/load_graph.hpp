// cachemodel: the objects that one load brought, and who owns them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cachemodel::detail {

class AnyModel;
class LoadGraph;
struct ModelTable;

/// What a reference points to: an object of which at least the keys are set.
struct Target {
    static constexpr std::size_t no_item = static_cast<std::size_t>(-1);

    LoadGraph* graph = nullptr;
    const ModelTable* table = nullptr;
    void* object = nullptr;
    std::string keys;            ///< the keys' values as a CBOR array
    bool loaded = false;         ///< all members are set, and all that it refers to was found
    std::size_t item = no_item;  ///< while loading: its place in the list of work
    Target* next = nullptr;      ///< the graph's list of all it owns
};

/// A load brings more objects than one may.
class TooManyObjects : public Error {
 public:
    explicit TooManyObjects(std::size_t most);
};

/// Owns the targets of one load, flat: they point to each other without owning, and go together
/// when the last reference from outside does. Neither cycles nor chains make that recurse.
///
/// Thread safety: counting is; all else happens before a graph is shared.
class LoadGraph {
 public:
    LoadGraph();
    LoadGraph(const LoadGraph&) = delete;
    LoadGraph& operator=(const LoadGraph&) = delete;

    void retain() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    /// The last release destroys the graph; graphs that thereby lose their last owner follow one
    /// after the other, not one inside of the other.
    void release() noexcept;

    /// The target of that class with those keys, made on first demand; null where the keys are no
    /// keys of that class.
    Target* find_or_add(const ModelTable& table, std::string_view keys);
    /// A target of its own, which takes `object` over.
    Target* add(const ModelTable& table, std::string keys, AnyModel& object);
    /// No more targets will be asked for.
    void end_loading() noexcept;

 private:
    struct Index;

    ~LoadGraph();
    static void destroy(LoadGraph* graph) noexcept;

    std::atomic<std::size_t> owners_{1};
    Target* first_ = nullptr;
    std::unique_ptr<Index> index_;
    LoadGraph* next_dying_ = nullptr;
};

/// Holds one share of a graph.
class GraphHandle {
 public:
    GraphHandle() : graph_(new LoadGraph) {}
    ~GraphHandle() { graph_->release(); }
    GraphHandle(const GraphHandle&) = delete;
    GraphHandle& operator=(const GraphHandle&) = delete;

    LoadGraph& operator*() const noexcept { return *graph_; }
    LoadGraph* operator->() const noexcept { return graph_; }

 private:
    LoadGraph* graph_;
};

/// A Reference without its type.
class ReferenceBase {
 public:
    ReferenceBase() noexcept = default;
    /// Points to `target`. An owner keeps the graph alive; inside of the graph nobody owns.
    ReferenceBase(Target* target, bool owns) noexcept : target_(target), owns_(owns) {
        if (owns_ && target_ != nullptr) target_->graph->retain();
    }
    /// A copy always owns: it may outlive the graph that the original is part of.
    ReferenceBase(const ReferenceBase& other) noexcept : ReferenceBase(other.target_, true) {}
    ReferenceBase(ReferenceBase&& other) noexcept
        : target_(std::exchange(other.target_, nullptr)), owns_(other.owns_) {}
    ReferenceBase& operator=(ReferenceBase other) noexcept {
        std::swap(target_, other.target_);
        std::swap(owns_, other.owns_);
        return *this;
    }
    ~ReferenceBase() {
        if (owns_ && target_ != nullptr) target_->graph->release();
    }

    Target* target() const noexcept { return target_; }

 private:
    Target* target_ = nullptr;
    bool owns_ = false;
};

}  // namespace cachemodel::detail
