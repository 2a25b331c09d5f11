// cachemodel: keeps a file cache within its bound, and clean.
// SPDX-License-Identifier: MIT
#include "backends/file_culling.hpp"

#include "backends/file_counts.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <tuple>

namespace cachemodel::file {

namespace {

/// So many entries are looked through for victims, and the rest of the shelf where that many are
/// reached. The cost of making room does not grow with the store.
constexpr std::size_t sample_size = 1024;
/// No write takes as long; what is older was left by a process that was killed.
constexpr std::chrono::hours oldest_draft{1};

std::int64_t modified_at(const struct stat& status) noexcept {
#ifdef __APPLE__
    const timespec& time = status.st_mtimespec;
#else
    const timespec& time = status.st_mtim;
#endif
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// An entry that may have to make room.
struct Candidate {
    unsigned shelf = 0;
    std::string name;
    bool over = false;  ///< expired, or broken
    std::int64_t modified = 0;
    ino_t inode = 0;

    /// Whether this is still what stands there: not written again, nor touched.
    bool is_unchanged(const Descriptor& directory) const {
        const auto status = status_of(directory.number(), name.c_str());
        return status && status->st_ino == inode && modified_at(*status) == modified;
    }
};

/// An entry that cannot be read is broken, as it is for a reader; one that cannot be opened for
/// another reason is none that could be judged.
bool is_useless(const Descriptor& shelf, const char* name, Milliseconds now, Buffer& buffer) {
    const Descriptor file = try_open(shelf.number(), name, entry_flags);
    if (!file.is_open()) return false;
    const auto head = read_head(file, buffer).head;
    return !head || is_over(head->expires_at, now);
}

void remove_old_drafts(const Descriptor& shelf, const std::vector<std::string>& drafts) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto limit = std::chrono::nanoseconds{now - oldest_draft}.count();
    for (const auto& name : drafts) {
        const auto status = status_of(shelf.number(), name.c_str());
        if (status && modified_at(*status) < limit) remove_name(shelf.number(), name.c_str());
    }
}

/// What the system forbids on one shelf does not hold up those who need room on another.
void pass_over_forbidden(const std::optional<DiskError>& error) {
    if (error && error->fault() != BackendFault::permission) throw *error;
}

/// Writes down the number of entries on a shelf whose lock is held.
void set_count(const Root& root, unsigned number, const Descriptor& shelf, std::uint64_t count,
               Patience& patience) {
    Counts counts{root, patience};
    if (!is_in_place(root, number, shelf)) return;
    counts.set(number, count);
    counts.save();
}

/// Lists and counts a shelf, and gives its entries to the sample.
void look_through(const Root& root, unsigned number, const Descriptor& shelf, Milliseconds now,
                  Patience& patience, std::vector<Candidate>& sample) {
    ShelfNames names;
    {
        const HeldLock lock = patience.lock(root.queues->shelves[number], shelf);
        names = names_on(shelf);
        set_count(root, number, shelf, names.entries.size(), patience);
    }
    remove_old_drafts(shelf, names.drafts);
    Buffer buffer;
    for (auto& name : names.entries) {
        const auto status = status_of(shelf.number(), name.c_str());
        if (!status) continue;
        const bool over = is_useless(shelf, name.c_str(), now, buffer);
        sample.push_back({number, std::move(name), over, modified_at(*status), status->st_ino});
    }
}

/// Removes one name after the other. Each fails alone.
struct Removals {
    std::size_t done = 0;  ///< of files
    std::size_t failed = 0;
    std::optional<DiskError> first_error;

    void remove(unsigned number, const Descriptor& shelf, const std::string& name) {
        try {
            const auto attempt = "remove " + name_of(number) + '/' + name;
            if (remove_name(shelf.number(), name.c_str(), attempt) == Removed::file) ++done;
        } catch (const DiskError& error) {
            ++failed;
            if (!first_error) first_error = error;
        }
    }
};

/// Removes the victims of one shelf, as far as they are unchanged.
void remove_from_shelf(const Root& root, const Descriptor& shelf,
                       std::span<const Candidate> victims, Removals& removals, Patience& patience) {
    const unsigned number = victims.front().shelf;
    const HeldLock lock = patience.lock(root.queues->shelves[number], shelf);
    const std::size_t done_before = removals.done;
    for (const Candidate& victim : victims) {
        if (victim.is_unchanged(shelf)) removals.remove(number, shelf, victim.name);
    }
    shrink(root, number, shelf, removals.done - done_before);
}

/// The same on all shelves.
void remove_victims(const Root& root, std::span<Candidate> victims, Removals& removals,
                    Patience& patience) {
    std::ranges::sort(victims, {}, &Candidate::shelf);
    for (auto begin = victims.begin(); begin != victims.end();) {
        const auto end = std::find_if(begin, victims.end(), [&](const Candidate& other) {
            return other.shelf != begin->shelf;
        });
        pass_over_forbidden(on_shelf(root, begin->shelf, [&](const Descriptor& shelf) {
            remove_from_shelf(root, shelf, {begin, end}, removals, patience);
        }));
        begin = end;
    }
}

bool can_be_used(const Root& root, unsigned number) {
    bool is_there = false;
    pass_over_forbidden(on_shelf(root, number, [&](const Descriptor&) { is_there = true; }));
    return is_there;
}

/// Nothing is counted any more on shelves that are not there or must not be used.
void forget_lost_shelves(const Root& root, Patience& patience) {
    Counts counts{root, patience};
    for (unsigned number = 0; number < shelf_count; ++number) {
        if (!counts.is_zero(number) && !can_be_used(root, number)) counts.set(number, 0);
    }
    counts.save();
}

/// Counts every shelf.
void count_shelves(const Root& root, Patience& patience) {
    for (unsigned number = 0; number < shelf_count; ++number) {
        pass_over_forbidden(on_shelf(root, number, [&](const Descriptor& shelf) {
            const HeldLock lock = patience.lock(root.queues->shelves[number], shelf);
            set_count(root, number, shelf, names_on(shelf).entries.size(), patience);
        }));
    }
}

/// Not so where it is not known.
bool has_room(const Root& root, std::uint64_t max_entries, Patience& patience) {
    const auto total = Counts{root, patience}.total();
    return total && *total < max_entries;
}

std::array<unsigned, shelf_count> shuffled_shelves() {
    std::array<unsigned char, sizeof(std::uint32_t)> random{};
    fill_randomly(random);
    std::uint32_t seed = 0;
    for (const unsigned char byte : random) seed = seed << 8 | byte;
    std::array<unsigned, shelf_count> shelves{};
    std::iota(shelves.begin(), shelves.end(), 0U);
    std::shuffle(shelves.begin(), shelves.end(), std::minstd_rand{seed});
    return shelves;
}

}  // namespace

ShelfNames names_on(const Descriptor& shelf) {
    ShelfNames names;
    for_each_name(shelf.number(), [&](const char* name, Kind kind) {
        const bool is_file = kind == Kind::file;
        if (is_entry_name(name)) (is_file ? names.entries : names.directories).emplace_back(name);
        if (is_file && is_draft_name(name)) names.drafts.emplace_back(name);
    });
    return names;
}

bool grow(const Root& root, unsigned shelf, std::uint64_t max_entries, Patience& patience) {
    Counts counts{root, patience};
    const auto total = counts.total();
    if (!total || *total >= max_entries) return false;
    counts.add(shelf);
    counts.save();
    return true;
}

void shrink(const Root& root, unsigned number, const Descriptor& shelf,
            std::uint64_t count) noexcept {
    if (count == 0) return;
    try {
        Patience patience{std::chrono::milliseconds{10}};
        Counts counts{root, patience};
        // Otherwise its number may have begun anew.
        if (!is_in_place(root, number, shelf)) return;
        counts.subtract(number, count);
        counts.save();
    } catch (const std::exception&) {
        // Too high a number does no harm: it makes room earlier, and that counts anew.
        return;
    }
}

void make_room(const Root& root, std::uint64_t max_entries, std::size_t cull_frequency,
               Milliseconds now, Patience& patience) {
    // One makes room at a time. Those who wait find it made.
    const Descriptor gate = open(root.directory.number(), ".", directory_flags, "open a directory");
    const HeldLock lock = patience.lock(root.queues->room, gate);
    if (has_room(root, max_entries, patience)) return;
    forget_lost_shelves(root, patience);
    if (!Counts{root, patience}.total()) count_shelves(root, patience);
    if (has_room(root, max_entries, patience)) return;
    if (cull_frequency <= 1) {
        const auto error = remove_entries(root, patience, Drafts::keep);
        if (error && !has_room(root, max_entries, patience)) pass_over_forbidden(error);
        return;
    }

    std::vector<Candidate> sample;
    for (const unsigned number : shuffled_shelves()) {
        if (sample.size() >= sample_size) break;
        pass_over_forbidden(on_shelf(root, number, [&](const Descriptor& shelf) {
            look_through(root, number, shelf, now, patience, sample);
        }));
    }
    const auto useless = static_cast<std::size_t>(std::ranges::count_if(sample, &Candidate::over));
    // Counting may have been all that it took.
    const bool counting_was_enough = has_room(root, max_entries, patience);
    const std::size_t share = std::max<std::size_t>(1, sample.size() / cull_frequency);
    const std::size_t wanted = counting_was_enough ? useless : std::max(share, useless);

    std::ranges::sort(sample, {}, [](const Candidate& candidate) {
        return std::tuple{!candidate.over, candidate.modified};
    });
    Removals removals;
    std::span<Candidate> rest{sample};
    // In the place of those that cannot be removed go others.
    for (std::size_t more = wanted; more > 0 && !rest.empty();) {
        const auto victims = rest.first(std::min(more, rest.size()));
        rest = rest.subspan(victims.size());
        const std::size_t failed_before = removals.failed;
        remove_victims(root, victims, removals, patience);
        more = removals.failed - failed_before;
    }
    if (!counting_was_enough && removals.done == 0) pass_over_forbidden(removals.first_error);
}

std::optional<DiskError> remove_entries(const Root& root, Patience& patience, Drafts drafts) {
    std::optional<DiskError> first_error;
    for (unsigned number = 0; number < shelf_count; ++number) {
        const auto error = on_shelf(root, number, [&](const Descriptor& shelf) {
            const HeldLock lock = patience.lock(root.queues->shelves[number], shelf);
            const ShelfNames names = names_on(shelf);
            Removals removals;
            for (const auto& name : names.entries) removals.remove(number, shelf, name);
            set_count(root, number, shelf, removals.failed, patience);
            if (drafts == Drafts::remove) {
                for (const auto& name : names.drafts) removals.remove(number, shelf, name);
                for (const auto& name : names.directories) removals.remove(number, shelf, name);
            } else {
                remove_old_drafts(shelf, names.drafts);
            }
            if (removals.first_error) throw DiskError{*removals.first_error};
        });
        if (error && !first_error) first_error = error;
    }
    // After an error the numbers may stay: too high ones do no harm.
    if (!first_error) forget_lost_shelves(root, patience);
    return first_error;
}

}  // namespace cachemodel::file
