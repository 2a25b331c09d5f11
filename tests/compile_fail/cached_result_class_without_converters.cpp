// cachemodel: a class that nothing can take apart is no result.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the type of the result cannot be stored; make it a plain struct, include
// expect: <cachemodel/json.hpp> if it has to_json and from_json, or return Binary<T> if cereal
// expect: knows it
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

class Colour {
 public:
    Colour() = default;
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

#ifdef CACHEMODEL_MISTAKE
Colour find_home(int number);
#else
int find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
