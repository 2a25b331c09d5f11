// cachemodel: a value that is read is made empty first.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a value is made empty and then read: give its type a default constructor, or
// expect: its members default values
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Seat {
 public:
    explicit Seat(int number) : number_(number) {}
    int number() const { return number_; }

 private:
    int number_;
};

struct Booking {
    int id = 0;
#ifdef CACHEMODEL_MISTAKE
    Seat seat;
#else
    int seat = 0;
#endif
};

bool use(const Cache& cache) { return cache.get<Booking>("k").found(); }
